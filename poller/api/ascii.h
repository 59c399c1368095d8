// Characters of ASCII, whatever the locale is.
#pragma once

#include <algorithm>
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

/// Neither a blank nor a control character.
constexpr bool is_visible_ascii(char byte) {
  return byte > ' ' && byte < 0x7f;
}

/// All of it; also if it is empty.
constexpr bool is_visible_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char byte) { return is_visible_ascii(byte); });
}

} // namespace kdq
