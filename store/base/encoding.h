// Bytes as text: hexadecimal digits, and percent-encoding (RFC 3986).
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace kdq {

/// Two lower-case digits a byte.
std::string hex_of(std::string_view bytes);

/// Bytes that percent-encoding leaves as they are.
class KeptBytes {
public:
  /// ASCII letters and digits, and these.
  constexpr explicit KeptBytes(std::string_view others) {
    for (const std::string_view bytes :
         {std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
          others})
      for (const char byte : bytes)
        kept_[static_cast<unsigned char>(byte)] = true;
  }
  constexpr bool has(char byte) const { return kept_[static_cast<unsigned char>(byte)]; }

private:
  std::array<bool, 256> kept_{};
};

/// Appends the text; bytes that are not kept become %4F and the like.
void append_encoded(std::string& uri, std::string_view text, const KeptBytes& kept);

} // namespace kdq
