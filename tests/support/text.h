// What tests ask of texts.
#pragma once

#include <string_view>

namespace kdq::test {

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

/// How often the part is in it.
inline int count_of(std::string_view text, std::string_view part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

} // namespace kdq::test
