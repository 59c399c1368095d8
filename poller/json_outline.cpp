#include "poller/json_outline.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace kdq {
namespace {

using Json = nlohmann::json;

/// Writes each value of the outermost level down as the parser reports it. The parser does not
/// recurse, and neither does this.
class OutlineReader : public Json::json_sax_t {
public:
  explicit OutlineReader(std::size_t text_size) : text_size_(text_size) {}

  JsonOutline finished() {
    if (outline_.problem && !text_.empty())
      outline_.cut = JsonMember{std::move(key_), std::move(text_)};
    return std::move(outline_);
  }

  bool null() override { return scalar("null"); }
  bool boolean(bool value) override { return scalar(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return scalar(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return scalar(std::to_string(value)); }
  bool number_float(number_float_t /*value*/, const string_t& digits) override {
    return scalar(digits);
  }
  bool string(string_t& value) override { return scalar(quoted(std::move(value))); }
  bool binary(binary_t& /*value*/) override { return false; } // not in JSON text
  bool start_object(std::size_t /*size*/) override { return open('{'); }
  bool end_object() override { return close('}'); }
  bool start_array(std::size_t /*size*/) override { return open('['); }
  bool end_array() override { return close(']'); }

  bool key(string_t& name) override {
    if (depth_ == 1) {
      key_ = std::move(name);
    } else {
      put(quoted(std::move(name)));
      text_ += ':';
    }
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    // The parser's own message quotes the text, which may be long and secret.
    outline_.problem = text_size_ == 0 ? "it is empty"
                       : position > text_size_
                           ? "it breaks off after byte " + std::to_string(text_size_)
                           : "it is no JSON at byte " + std::to_string(position);
    return false;
  }

private:
  bool open(char bracket) {
    if (depth_ == max_json_depth) {
      outline_.problem = "it is nested deeper than " + std::to_string(max_json_depth) + " levels";
      return false;
    }
    if (depth_ == 0)
      outline_.kind = bracket == '{' ? JsonOutline::Kind::object : JsonOutline::Kind::array;
    else
      put(std::string(1, bracket));
    ++depth_;
    return true;
  }

  bool close(char bracket) {
    --depth_;
    if (depth_ > 0)
      text_ += bracket;
    if (depth_ == 1)
      complete();
    return true;
  }

  bool scalar(const std::string& json) {
    if (depth_ == 0) {
      outline_.kind = JsonOutline::Kind::scalar;
      return true;
    }
    put(json);
    if (depth_ == 1)
      complete();
    return true;
  }

  /// A string ends with its quote, so a last bracket or colon is always one of the structure.
  void put(const std::string& json) {
    if (!text_.empty() && text_.back() != '[' && text_.back() != '{' && text_.back() != ':')
      text_ += ',';
    text_ += json;
  }

  void complete() {
    outline_.members.push_back({std::exchange(key_, {}), std::exchange(text_, {})});
  }

  std::size_t text_size_;
  JsonOutline outline_;
  std::size_t depth_ = 0;
  std::string key_;
  std::string text_;
};

/// Whether the text is the same inside a JSON string: the usual case, and much faster without
/// the library.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char byte) {
    return byte >= ' ' && byte <= '~' && byte != '"' && byte != '\\';
  });
}

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

} // namespace

const std::string* JsonOutline::find(std::string_view key) const {
  if (kind != Kind::object)
    return nullptr;
  const auto found = std::find_if(members.rbegin(), members.rend(),
                                  [&](const JsonMember& member) { return member.key == key; });
  return found == members.rend() ? nullptr : &found->text;
}

const std::string* JsonOutline::find_head(std::string_view key) const {
  const bool is_cut = kind == Kind::object && cut && cut->key == key;
  return is_cut ? &cut->text : find(key);
}

JsonOutline outline_json(std::string_view text) {
  OutlineReader reader(text.size());
  if (text.find("\\ud") == std::string_view::npos && text.find("\\uD") == std::string_view::npos)
    Json::sax_parse(text, &reader);
  else
    Json::sax_parse(with_paired_surrogates(text), &reader);
  JsonOutline outline = reader.finished();
  // The parser takes a NUL byte for the end of its input.
  const std::size_t nul = text.find('\0');
  if (nul != std::string_view::npos && !outline.problem)
    outline.problem = "it is no JSON at byte " + std::to_string(nul);
  return outline;
}

std::optional<std::string> string_in(std::string_view json) {
  if (json.size() < 2 || json.front() != '"')
    return std::nullopt;
  const std::string_view inside = json.substr(1, json.size() - 2);
  if (json.back() == '"' && is_plain(inside))
    return std::string(inside);
  Json value = Json::parse(json, nullptr, false);
  if (!value.is_string())
    return std::nullopt;
  return std::move(value.get_ref<std::string&>());
}

std::string quoted(std::string text) {
  if (is_plain(text))
    return '"' + text + '"';
  return Json(std::move(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace kdq
