// Letters of ASCII, whatever the locale is.
#pragma once

#include <string>
#include <string_view>

namespace kdq {

constexpr char ascii_lower(char byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
}

inline std::string ascii_lower(std::string_view text) {
  std::string lower(text);
  for (char& byte : lower)
    byte = ascii_lower(byte);
  return lower;
}

} // namespace kdq
