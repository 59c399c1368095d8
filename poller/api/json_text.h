// One JSON value, checked and written down compactly: enough to store values of any size exactly
// (key order, every digit of a number) without a tree of objects.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kdq {

/// At the head of a text it is no part of it.
inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// Deeper texts have a problem. SQLite 3.40 reads JSON down to 2000 levels, so that whatever passes
/// here can be queried with its functions after it was stored.
inline constexpr std::size_t max_json_depth = 1000;

constexpr bool is_json_blank(char byte) {
  return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

/// What becomes of strings that are not as JSON wants them: with `mend` bytes that are no UTF-8 are
/// read as U+FFFD, and control characters as they are.
enum class JsonRules { strict, mend };

struct JsonText {
  std::string text;                   ///< without blanks between its signs; empty: a problem
  std::optional<std::string> problem; ///< why it is no valid JSON; holds nothing of the text
  bool mended = false;                ///< bytes of it are U+FFFD now

  bool exact() const { return !problem && !mended; }
};

/// Never throws for what the text holds. Half of a surrogate pair (what JavaScript makes of half an
/// emoji) is legal JSON but no character: it is read as U+FFFD. A number is a text, be it as large
/// as it may. Takes, beside the result, a byte of memory for each level of nesting.
JsonText read_json(std::string_view text, JsonRules rules = JsonRules::strict);

/// Where a text breaks JSON's rules, as a sentence: at its end, or at the byte of this offset.
std::string json_problem_at(std::string_view text, std::size_t offset);

/// A value as words, to be shown or compared: a string as what it stands for, all else as JSON.
struct Words {
  std::string text;       ///< empty for null; always UTF-8
  bool is_string = false; ///< it has quotes
  bool exact = true;      ///< false: it is no JSON, or has bytes that are no UTF-8
};
/// What is no JSON is still given, as far as it has characters: it says more than nothing.
Words words_of(std::string_view json);

/// What a key says, which has its quotes and may be written with escapes; `scratch` holds it then.
std::string_view key_name(std::string_view quoted, std::string& scratch);

/// Appends what the text of read_json() stands for, if it is a string, or else the text.
void append_content(std::string& content, std::string_view json);

/// Appends a JSON string with this content, which is valid UTF-8.
void append_quoted(std::string& json, std::string_view content);

} // namespace kdq
