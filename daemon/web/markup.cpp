#include "daemon/web/markup.h"

#include "store/base/encoding.h"
#include "store/base/utf8.h"

#include <cstdio>
#include <stdexcept>

namespace kdq::web {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD"; // U+FFFD

/// The code point that begins at `at` of a valid text, and how many bytes it has.
std::pair<char32_t, std::size_t> code_point(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80)
    return {first, 1};
  const std::size_t bytes = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  char32_t point = first & (0xFFu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i)
    point = (point << 6) | (byte(i) & 0x3Fu);
  return {point, bytes};
}

/// Control characters; those that turn the direction of what is around them (UAX #9), and invisible
/// ones that break or join lines and words unseen.
bool is_unseen(char32_t point) {
  return (point < 0x20 && point != '\n' && point != '\t') || (point >= 0x7F && point < 0xA0) ||
         point == 0xAD || point == 0x61C || point == 0x180E ||
         (point >= 0x200B && point <= 0x200F) || (point >= 0x2028 && point <= 0x202E) ||
         (point >= 0x2060 && point <= 0x206F) || point == 0xFEFF ||
         (point >= 0xFFF9 && point <= 0xFFFB) || (point >= 0xE0000 && point <= 0xE007F);
}

void append_valid(std::string& out, std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto [point, bytes] = code_point(text, at);
    if (point == '&')
      out += "&amp;";
    else if (point == '<')
      out += "&lt;";
    else if (point == '>')
      out += "&gt;";
    else if (point == '"')
      out += "&quot;";
    else if (point == '\'')
      out += "&#39;";
    else if (is_unseen(point)) {
      char shown[16];
      std::snprintf(shown, sizeof shown, "\\u%04X", static_cast<unsigned>(point));
      out += shown;
    } else
      out += text.substr(at, bytes);
    at += bytes;
  }
}

} // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  while (!text.empty()) {
    const auto bad = invalid_utf8_at(text);
    append_valid(out, text.substr(0, bad.value_or(text.size())));
    if (!bad)
      break;
    out += replacement;
    text.remove_prefix(*bad + 1);
  }
  return out;
}

bool is_shown_as_it_is(std::string_view text) {
  if (invalid_utf8_at(text))
    return false;
  for (std::size_t at = 0; at < text.size();) {
    const auto [point, bytes] = code_point(text, at);
    if (is_unseen(point))
      return false;
    at += bytes;
  }
  return true;
}

std::string encoded(std::string_view text) {
  constexpr KeptBytes unreserved("-._~");
  std::string out;
  append_encoded(out, text, unreserved);
  return out;
}

std::string address(std::string_view path,
                    const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string out(path);
  char before = '?';
  for (const auto& [name, value] : parameters) {
    if (value.empty())
      continue;
    out += before + encoded(name) + "=" + encoded(value);
    before = '&';
  }
  return out;
}

void Html::fill(std::string_view markup, const std::vector<std::string>& pieces) {
  std::size_t next = 0;
  for (;;) {
    const std::size_t place = markup.find("{}");
    text_ += markup.substr(0, place);
    if (place == std::string_view::npos)
      break;
    text_ += pieces.at(next++);
    markup.remove_prefix(place + 2);
  }
  if (next != pieces.size())
    throw std::logic_error("more values than places");
}

} // namespace kdq::web
