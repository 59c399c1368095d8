#include "poller/api/json_outline.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace kdq {
namespace {

using Json = nlohmann::json;

/// The value of the escape `\uXXXX` at `at`, if there is one.
std::optional<unsigned> escape_at(std::string_view text, std::size_t at) {
  if (text.size() < at + 6 || text[at] != '\\' || text[at + 1] != 'u')
    return std::nullopt;
  unsigned value = 0;
  const char* const end = text.data() + at + 6;
  const auto parsed = std::from_chars(text.data() + at + 2, end, value, 16);
  return parsed.ptr == end ? std::optional(value) : std::nullopt;
}

/// Replaces escapes of unpaired surrogates, which the parser would refuse. Offsets stay the same.
std::string with_paired_surrogates(std::string_view text) {
  std::string mended(text);
  for (std::size_t at = mended.find('\\'); at != std::string::npos; at = mended.find('\\', at)) {
    const std::optional<unsigned> unit = escape_at(mended, at);
    const bool high = unit && *unit >= 0xD800 && *unit <= 0xDBFF;
    const bool low = unit && *unit >= 0xDC00 && *unit <= 0xDFFF;
    const unsigned next = high ? escape_at(mended, at + 6).value_or(0) : 0;
    if (high && next >= 0xDC00 && next <= 0xDFFF) {
      at += 12;
    } else {
      if (high || low)
        mended.replace(at, 6, "\\ufffd");
      at += 2;
    }
  }
  return mended;
}

/// The letter that stands behind the backslash for a byte, `u` if it has none of its own.
constexpr char escape_letter(char byte) {
  switch (byte) {
  case '\b':
    return 'b';
  case '\t':
    return 't';
  case '\n':
    return 'n';
  case '\f':
    return 'f';
  case '\r':
    return 'r';
  case '"':
  case '\\':
    return byte;
  default:
    return 'u';
  }
}

} // namespace

/// Writes the text down as the parser reports it, which goes through it once. The parser does not
/// recurse, and neither does this.
class JsonOutline::Reader {
public:
  // what the parser asks of its listener
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  Reader(JsonOutline& outline, std::size_t text_size, std::initializer_list<std::string_view> keys)
      : outline_(outline), text_(outline.text_), text_size_(text_size), keys_(keys) {
    text_.reserve(text_size);
    outline_.nodes_.reserve(std::min<std::size_t>(text_size / 16 + 1, 64));
  }

  bool null() { return scalar(JsonKind::null, "null"); }
  bool boolean(bool value) { return scalar(JsonKind::boolean, value ? "true" : "false"); }
  bool number_integer(number_integer_t value) { return integer(value); }
  bool number_unsigned(number_unsigned_t value) { return integer(value); }
  bool number_float(number_float_t /*value*/, const string_t& digits) {
    return scalar(JsonKind::number, digits);
  }
  bool string(string_t& content) {
    Node* const node = begin(JsonKind::string);
    const std::size_t at = text_.size();
    append_quoted(text_, content);
    if (node != nullptr && text_.size() - at != content.size() + 2) {
      outline_.escaped_.push_back(content);
      node->inside = outline_.escaped_.size();
    }
    return end(node);
  }
  bool binary(binary_t& /*value*/) { return false; } // not in JSON text
  bool start_object(std::size_t /*size*/) { return open(JsonKind::object, '{'); }
  bool end_object() { return close('}'); }
  bool start_array(std::size_t /*size*/) { return open(JsonKind::array, '['); }
  bool end_array() { return close(']'); }

  bool key(string_t& name) {
    separate();
    key_ = text_.size() + 1;
    append_quoted(text_, name);
    text_ += ':';
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) {
    // The parser's own message quotes the text, which may be long and secret.
    outline_.problem_ = text_size_ == 0 ? "it is empty"
                        : position > text_size_
                            ? "it breaks off after byte " + std::to_string(text_size_)
                            : "it is no JSON at byte " + std::to_string(position);
    return false;
  }

private:
  /// An array or object that has not ended and whose values become nodes.
  struct Open {
    std::size_t index;
    std::size_t last; ///< value inside, 0: none yet
  };

  /// A string ends with its quote, so a last bracket or colon is always one of the structure.
  void separate() {
    if (!text_.empty() && text_.back() != '[' && text_.back() != '{' && text_.back() != ':')
      text_ += ',';
  }

  /// The node of the value that begins here; null if it is only kept as a part of what it is in.
  Node* begin(JsonKind kind) {
    separate();
    if (depth_ != open_.size())
      return nullptr;
    std::vector<Node>& nodes = outline_.nodes_;
    const std::size_t index = nodes.size();
    if (!open_.empty()) {
      Open& around = open_.back();
      (around.last == 0 ? nodes[around.index].inside : nodes[around.last].next) = index;
      around.last = index;
    }
    Node& node = nodes.emplace_back();
    node.kind = kind;
    node.key = key_;
    node.begin = text_.size();
    return &node;
  }

  bool end(Node* node) {
    if (node != nullptr)
      node->end = text_.size();
    return true;
  }

  bool scalar(JsonKind kind, std::string_view json) {
    Node* const node = begin(kind);
    text_ += json;
    return end(node);
  }

  template <typename Integer>
  bool integer(Integer value) {
    std::array<char, 20> digits{}; // of 2^64 - 1, and of -2^63 with its sign
    const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    return scalar(JsonKind::number, {digits.data(), written.ptr});
  }

  bool open(JsonKind kind, char bracket) {
    if (depth_ == max_json_depth) {
      outline_.problem_ = "it is nested deeper than " + std::to_string(max_json_depth) + " levels";
      return false;
    }
    const Node* const node = begin(kind);
    if (node != nullptr && is_asked_for(*node))
      open_.push_back({outline_.nodes_.size() - 1, 0});
    ++depth_;
    text_ += bracket;
    return true;
  }

  bool is_asked_for(const Node& node) const {
    if (open_.empty() || outline_.nodes_[open_.back().index].kind == JsonKind::array)
      return true;
    return std::find(keys_.begin(), keys_.end(), outline_.key_of(node)) != keys_.end();
  }

  bool close(char bracket) {
    text_ += bracket;
    if (depth_ == open_.size()) {
      end(&outline_.nodes_[open_.back().index]);
      open_.pop_back();
    } else if (depth_ == open_.size() + 1) {
      end(&outline_.nodes_.back()); // nothing inside of it became a node
    }
    --depth_;
    return true;
  }

  JsonOutline& outline_;
  std::string& text_;
  std::size_t text_size_;
  std::initializer_list<std::string_view> keys_;
  std::size_t depth_ = 0;
  std::vector<Open> open_; ///< the outermost of the depth_ levels
  std::size_t key_ = 0;
};

JsonOutline::JsonOutline(std::string_view text, std::initializer_list<std::string_view> keys) {
  Reader reader(*this, text.size(), keys);
  if (text.find("\\ud") == std::string_view::npos && text.find("\\uD") == std::string_view::npos)
    Json::sax_parse(text, &reader);
  else
    Json::sax_parse(with_paired_surrogates(text), &reader);
  // The parser takes a NUL byte for the end of its input.
  const std::size_t nul = text.find('\0');
  if (nul != std::string_view::npos && !problem_)
    problem_ = "it is no JSON at byte " + std::to_string(nul);
}

JsonKind JsonValue::kind() const {
  return outline_ == nullptr ? JsonKind::missing : outline_->nodes_[index_].kind;
}

bool JsonValue::complete() const {
  return outline_ != nullptr && outline_->nodes_[index_].end != 0;
}

std::string_view JsonValue::text() const {
  if (!complete())
    return {};
  const JsonOutline::Node& node = outline_->nodes_[index_];
  return std::string_view(outline_->text_).substr(node.begin, node.end - node.begin);
}

std::optional<std::string_view> JsonValue::string() const {
  if (kind() != JsonKind::string)
    return std::nullopt;
  const std::size_t escaped = outline_->nodes_[index_].inside;
  if (escaped != 0)
    return outline_->escaped_[escaped - 1];
  const std::string_view quoted = text();
  return quoted.substr(1, quoted.size() - 2);
}

JsonValue JsonValue::find(std::string_view key) const {
  return last_with(key, false);
}

JsonValue JsonValue::find_head(std::string_view key) const {
  return last_with(key, true);
}

JsonValue JsonValue::last_with(std::string_view key, bool even_cut_off) const {
  JsonValue last;
  if (kind() != JsonKind::object)
    return last;
  for (JsonValue value = first(); value; value = value.next())
    if (outline_->key_of(outline_->nodes_[value.index_]) == key &&
        (even_cut_off || value.complete()))
      last = value;
  return last;
}

JsonValue JsonValue::first() const {
  const bool holds_values = kind() == JsonKind::array || kind() == JsonKind::object;
  return holds_values ? at(outline_->nodes_[index_].inside) : JsonValue{};
}

JsonValue JsonValue::next() const {
  return outline_ == nullptr ? JsonValue{} : at(outline_->nodes_[index_].next);
}

JsonValue JsonValue::at(std::size_t index) const {
  return index == 0 ? JsonValue{} : JsonValue(*outline_, index);
}

std::string_view JsonOutline::key_of(const Node& node) const {
  return std::string_view(text_).substr(node.key, node.begin - 2 - node.key);
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
    const char letter = escape_letter(*special);
    json += '\\';
    json += letter;
    if (letter == 'u') {
      const auto value = static_cast<unsigned char>(*special);
      json.append("00").append({hex[value >> 4U], hex[value & 0xFU]});
    }
    at = special + 1;
  }
  json += '"';
}

} // namespace kdq
