#include "store/base/encoding.h"

namespace kdq {

std::string hex_of(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4U];
    text += digits[byte & 0xFU];
  }
  return text;
}

void append_encoded(std::string& uri, std::string_view text, const KeptBytes& kept) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kept.has(c))
      uri += c;
    else
      uri.append({'%', digits[byte >> 4U], digits[byte & 0xFU]});
  }
}

} // namespace kdq
