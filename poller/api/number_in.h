// A number that is all of a text.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace kdq {

/// Nothing if the text is no number of this type, or one that does not fit.
template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end)
    return std::nullopt;
  return value;
}

} // namespace kdq
