// Letters of ASCII, whatever the locale is.
#pragma once

namespace kdq {

constexpr char ascii_lower(char byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
}

} // namespace kdq
