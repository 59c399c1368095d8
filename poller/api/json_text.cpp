#include "poller/api/json_text.h"

#include "store/base/utf8.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace kdq {
namespace {

constexpr std::string_view no_character = "\xEF\xBF\xBD"; // U+FFFD

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

bool is_high_surrogate(unsigned unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}

bool is_low_surrogate(unsigned unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

/// The value of the four digits at the head of `text`, if they are there.
std::optional<unsigned> code_unit(std::string_view text) {
  if (text.size() < 4)
    return std::nullopt;
  unsigned value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + 4, value, 16);
  return parsed.ptr == text.data() + 4 ? std::optional(value) : std::nullopt;
}

void append_character(std::string& text, unsigned code) {
  const auto byte = [&text](unsigned value) { text += static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
    return;
  }
  if (code < 0x800) {
    byte(0xC0U | (code >> 6U));
  } else {
    if (code < 0x10000) {
      byte(0xE0U | (code >> 12U));
    } else {
      byte(0xF0U | (code >> 18U));
      byte(0x80U | ((code >> 12U) & 0x3FU));
    }
    byte(0x80U | ((code >> 6U) & 0x3FU));
  }
  byte(0x80U | (code & 0x3FU));
}

/// The letters behind a backslash, and the bytes that they stand for.
constexpr std::string_view escape_letters = "\"\\/bfnrt";
constexpr std::string_view escape_bytes = "\"\\/\b\f\n\r\t";

/// Goes through a text once and writes it down; without recursion, because it may be deep.
class Reader {
public:
  Reader(JsonText& result, std::string_view input, JsonRules rules)
      : result_(result), text_(result.text), input_(input), rules_(rules) {}

  /// False: there is a problem.
  bool read() {
    if (input_.starts_with(byte_order_mark))
      at_ = byte_order_mark.size();
    if (!values())
      return false;
    blanks();
    return at_ == input_.size() || fail();
  }

  /// What the string at the head of the input stands for: a part of the input, or of this.
  bool string(std::string_view& content) {
    ++at_;
    content = plain();
    if (peek() == '"' && !invalid_utf8_at(content)) {
      ++at_;
      return true;
    }
    decoded_.clear();
    for (;;) {
      if (!append(content))
        return false;
      if (at_ == input_.size())
        return fail();
      const char byte = peek();
      if (byte == '"')
        break;
      if (byte == '\\') {
        if (!escape())
          return false;
      } else if (rules_ == JsonRules::strict) {
        return fail(); // a control character
      } else {
        decoded_ += byte;
        ++at_;
      }
      content = plain();
    }
    ++at_;
    content = decoded_;
    return true;
  }

private:
  bool fail() {
    if (!result_.problem)
      result_.problem = json_problem_at(input_, at_);
    return false;
  }

  char peek() const { return at_ < input_.size() ? input_[at_] : '\0'; }
  void blanks() {
    while (is_json_blank(peek()))
      ++at_;
  }

  /// One value with all that is in it.
  bool values() {
    for (;;) {
      blanks();
      const char first = peek();
      if (first == '{' || first == '[') {
        if (!open(first))
          return false;
        blanks();
        if (peek() != brackets_.back()) {
          if (first == '{' && !key())
            return false;
          continue;
        }
      } else if (!scalar(first)) {
        return false;
      }
      while (!brackets_.empty()) {
        blanks();
        if (peek() == ',') {
          ++at_;
          if (brackets_.back() == '}' && !key())
            return false;
          break;
        }
        if (peek() != brackets_.back())
          return fail();
        close();
      }
      if (brackets_.empty())
        return true;
    }
  }

  bool scalar(char first) {
    if (first == '"')
      return string_value();
    if (first == '-' || is_digit(first))
      return number();
    return literal("null") || literal("true") || literal("false") || fail();
  }

  bool literal(std::string_view word) {
    if (input_.substr(at_, word.size()) != word)
      return false;
    at_ += word.size();
    write(word);
    return true;
  }

  bool digits() {
    const std::size_t begin = at_;
    while (is_digit(peek()))
      ++at_;
    return at_ > begin || fail();
  }

  bool number() {
    const std::size_t begin = at_;
    if (peek() == '-')
      ++at_;
    if (peek() == '0')
      ++at_;
    else if (!digits())
      return false;
    if (peek() == '.') {
      ++at_;
      if (!digits())
        return false;
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-')
        ++at_;
      if (!digits())
        return false;
    }
    write(input_.substr(begin, at_ - begin));
    return true;
  }

  void write(std::string_view json) {
    separate();
    text_ += json;
  }

  bool string_value() {
    std::string_view content;
    if (!string(content))
      return false;
    separate();
    append_quoted(text_, content);
    return true;
  }

  bool key() {
    blanks();
    std::string_view content;
    if (peek() != '"' || !string(content))
      return fail();
    separate();
    append_quoted(text_, content);
    text_ += ':';
    blanks();
    if (peek() != ':')
      return fail();
    ++at_;
    return true;
  }

  /// The bytes up to the next that mean something.
  std::string_view plain() {
    const std::size_t begin = at_;
    while (at_ < input_.size() && static_cast<unsigned char>(input_[at_]) >= ' ' &&
           input_[at_] != '"' && input_[at_] != '\\')
      ++at_;
    return input_.substr(begin, at_ - begin);
  }

  bool append(std::string_view bytes) {
    if (!append_mended(decoded_, bytes))
      return true;
    if (rules_ == JsonRules::strict) {
      at_ = at_ - bytes.size() + *invalid_utf8_at(bytes);
      return fail();
    }
    result_.mended = true;
    return true;
  }

  bool escape() {
    ++at_;
    const char letter = peek();
    if (at_ == input_.size())
      return fail();
    if (letter != 'u') {
      const std::size_t known = escape_letters.find(letter);
      if (known == escape_letters.npos)
        return fail();
      decoded_ += escape_bytes[known];
      ++at_;
      return true;
    }
    const std::optional<unsigned> unit = code_unit(input_.substr(at_ + 1));
    if (!unit)
      return fail();
    at_ += 5;
    if (is_high_surrogate(*unit) && input_.substr(at_).starts_with("\\u")) {
      const std::optional<unsigned> low = code_unit(input_.substr(at_ + 2));
      if (low && is_low_surrogate(*low)) {
        at_ += 6;
        append_character(decoded_, 0x10000 + ((*unit & 0x3FFU) << 10U) + (*low & 0x3FFU));
        return true;
      }
    }
    if (is_high_surrogate(*unit) || is_low_surrogate(*unit))
      decoded_ += no_character;
    else
      append_character(decoded_, *unit);
    return true;
  }

  /// A string ends with its quote, so a last bracket or colon is always one of the structure.
  void separate() {
    if (!text_.empty() && text_.back() != '[' && text_.back() != '{' && text_.back() != ':')
      text_ += ',';
  }

  bool open(char bracket) {
    if (brackets_.size() == max_json_depth) {
      result_.problem = "it is nested deeper than " + std::to_string(max_json_depth) + " levels";
      return false;
    }
    ++at_;
    separate();
    brackets_ += bracket == '{' ? '}' : ']';
    text_ += bracket;
    return true;
  }

  void close() {
    text_ += brackets_.back();
    brackets_.pop_back();
    ++at_;
  }

  JsonText& result_;
  std::string& text_;
  std::string_view input_;
  JsonRules rules_;
  std::size_t at_ = 0;
  std::string brackets_; ///< that are to come
  std::string decoded_;
};

} // namespace

JsonText read_json(std::string_view text, JsonRules rules) {
  JsonText result;
  result.text.reserve(text.size());
  if (!Reader(result, text, rules).read())
    result.text.clear();
  return result;
}

Words words_of(std::string_view json) {
  const JsonText read = read_json(json, JsonRules::mend);
  Words words;
  words.is_string = json.starts_with('"');
  words.exact = read.exact();
  if (read.problem)
    append_mended(words.text, words.is_string ? json.substr(1, json.size() - 2) : json);
  else if (read.text != "null")
    append_content(words.text, read.text);
  return words;
}

std::string_view key_name(std::string_view quoted, std::string& scratch) {
  const std::string_view raw = quoted.substr(1, quoted.size() - 2);
  if (raw.find('\\') == raw.npos)
    return raw;
  scratch = words_of(quoted).text;
  return scratch;
}

void append_content(std::string& content, std::string_view json) {
  if (!json.starts_with('"')) {
    content += json;
    return;
  }
  const std::string_view inside = json.substr(1, json.size() - 2);
  if (inside.find('\\') == inside.npos) {
    content += inside;
    return;
  }
  JsonText unused;
  std::string_view decoded;
  Reader reader(unused, json, JsonRules::strict);
  reader.string(decoded);
  content += decoded;
}

std::string json_problem_at(std::string_view text, std::size_t offset) {
  if (text.empty())
    return "it is empty";
  if (offset >= text.size())
    return "it breaks off after byte " + std::to_string(text.size());
  return "it is no JSON at byte " + std::to_string(offset + 1);
}

void append_quoted(std::string& json, std::string_view content) {
  constexpr std::string_view hex = "0123456789abcdef";
  json += '"';
  for (auto at = content.begin();;) {
    const auto special = std::find_if(at, content.end(), [](char byte) {
      return static_cast<unsigned char>(byte) < ' ' || byte == '"' || byte == '\\';
    });
    json.append(at, special);
    if (special == content.end())
      break;
    json += '\\';
    if (const std::size_t known = escape_bytes.find(*special); known != escape_bytes.npos) {
      json += escape_letters[known];
    } else {
      const auto value = static_cast<unsigned char>(*special);
      json.append("u00").append({hex[value >> 4U], hex[value & 0xFU]});
    }
    at = special + 1;
  }
  json += '"';
}

} // namespace kdq
