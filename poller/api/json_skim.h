// Finds where the values of a text stand, without reading what is in them: of a reply with one
// value that is no JSON (a number like NaN, half a character, a bad escape) all others are found.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kdq {

/// Where a value begins, and where it ends; not at all if the text breaks off in it.
struct JsonSpan {
  static constexpr std::size_t nowhere = std::string_view::npos;

  std::size_t begin = nowhere;
  std::size_t end = nowhere;

  explicit operator bool() const { return begin != nowhere; } ///< there is one
  bool complete() const { return end != nowhere; }
  /// The bytes of it; empty if it is not complete.
  std::string_view in(std::string_view text) const {
    return complete() ? text.substr(begin, end - begin) : std::string_view{};
  }
};

/// Walks through a text, which must outlive it. Each step says whether it could be made: if not,
/// the text ends at at(), or goes on there with what JSON does not have. Takes a byte of memory for
/// each level of nesting; never throws for what the text holds.
class JsonSkim {
public:
  explicit JsonSkim(std::string_view text, std::size_t at = 0) : text_(text), at_(at) {}

  std::size_t at() const { return at_; }
  bool at_end() const { return at_ == text_.size(); }
  /// The byte at at(); 0 at the end.
  char peek() const { return at_end() ? '\0' : text_[at_]; }

  void blanks();
  /// Steps over this one sign.
  bool sign(char wanted);
  /// Steps over a value. A value that is missing before `,` or a bracket counts as an empty one.
  bool value(JsonSpan& span);
  /// The same for the key of an object and the colon behind it; the span has its quotes.
  bool key(JsonSpan& span);
  /// Behind a value inside of a container that ends with `bracket`: steps over the comma, if
  /// another value follows, or over the bracket, and `more` says which.
  bool next(char bracket, bool& more);

private:
  bool string();
  bool token();
  bool nested();

  std::string_view text_;
  std::size_t at_;
  std::string brackets_; ///< that are to come
};

} // namespace kdq
