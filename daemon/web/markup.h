// HTML that is put together. What is not written in the source is escaped: names, log lines and
// error texts come from strangers.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kdq::web {

/// The text for an element or for an attribute in double quotes: markup is escaped, bytes that are
/// no UTF-8 become U+FFFD; control characters (but for \n and \t) and those that change the
/// direction of text are shown as \u202E and the like.
std::string escaped(std::string_view text);

/// Whether all of it can be seen and copied: no such bytes or characters are in it.
bool is_shown_as_it_is(std::string_view text);

/// A part of an address, percent-encoded.
std::string encoded(std::string_view text);

/// A path with parameters; those with an empty value are left out.
std::string address(std::string_view path,
                    const std::vector<std::pair<std::string, std::string>>& parameters);

/// Markup with places {} for what is put in; only a literal can be one.
class Template {
public:
  template <std::size_t Size>
  consteval Template(const char (&text)[Size]) : text_(text, Size - 1) {} // NOLINT: implicit
  std::string_view text() const { return text_; }

private:
  std::string_view text_;
};

/// Pieces of HTML, one behind the other.
class Html {
public:
  Html() = default;

  /// Puts `values` into the places of the template, each escaped unless it is Html itself. Too few
  /// or too many values throw std::logic_error.
  template <class... Values>
  Html& put(Template markup, const Values&... values) {
    if constexpr (sizeof...(values) == 0)
      fill(markup.text(), {});
    else
      fill(markup.text(), {piece(values)...});
    return *this;
  }

  Html& operator+=(const Html& other) {
    text_ += other.text_;
    return *this;
  }

  bool empty() const { return text_.empty(); }
  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

private:
  static std::string piece(std::string_view text) { return escaped(text); }
  static std::string piece(const Html& html) { return html.text_; }
  static std::string piece(std::integral auto number) { return std::to_string(number); }
  void fill(std::string_view markup, const std::vector<std::string>& pieces);

  std::string text_;
};

/// A template with what is put into it.
template <class... Values>
Html html(Template markup, const Values&... values) {
  Html made;
  made.put(markup, values...);
  return made;
}

} // namespace kdq::web
