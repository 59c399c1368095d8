// What a script says of its progress.
#include "poller/api/kdocs_api.h"

#include "poller/api/number_in.h"
#include "store/base/utf8.h"

#include <algorithm>
#include <cmath>

namespace kdq::kdocs_api {
namespace {

constexpr std::string_view mark = "##progress";
constexpr std::string_view blanks = " \t";
constexpr std::size_t max_text_bytes = 200;

/// Without the blanks at both ends.
std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

} // namespace

std::optional<ScriptProgress> progress_of(std::string_view message) {
  message = trimmed(message);
  if (!message.starts_with(mark))
    return std::nullopt;
  message.remove_prefix(mark.size());
  const std::string_view rest = trimmed(message);
  if (rest.size() == message.size()) // another word begins so
    return std::nullopt;
  const std::size_t end = std::min(rest.find_first_of(blanks), rest.size());
  std::string_view number = rest.substr(0, end);
  if (number.ends_with('%'))
    number.remove_suffix(1);
  const auto percent = number_in<double>(number);
  if (!percent || !std::isfinite(*percent))
    return std::nullopt;
  return ScriptProgress{static_cast<int>(std::clamp(*percent, 0.0, 100.0)),
                        shortened(trimmed(rest.substr(end)), max_text_bytes)};
}

} // namespace kdq::kdocs_api
