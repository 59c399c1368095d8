#include "poller/api/json_skim.h"

#include "poller/api/json_text.h"

namespace kdq {
namespace {

/// Of numbers, literals, and what is written in their place: NaN, Infinity, undefined.
bool is_of_token(char byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '+' || byte == '.';
}

} // namespace

void JsonSkim::blanks() {
  while (!at_end() && is_json_blank(text_[at_]))
    ++at_;
}

bool JsonSkim::sign(char wanted) {
  if (peek() != wanted)
    return false;
  ++at_;
  return true;
}

bool JsonSkim::string() {
  std::size_t at = at_ + 1;
  while (at < text_.size() && text_[at] != '"')
    at += text_[at] == '\\' ? 2 : 1;
  const bool whole = at < text_.size();
  at_ = whole ? at + 1 : text_.size();
  return whole;
}

/// One at the very end may go on where the text was cut off.
bool JsonSkim::token() {
  const std::size_t begin = at_;
  while (!at_end() && is_of_token(text_[at_]))
    ++at_;
  const char behind = peek();
  return !at_end() && (at_ > begin || behind == ',' || behind == ']' || behind == '}');
}

bool JsonSkim::key(JsonSpan& span) {
  blanks();
  span = {at_, JsonSpan::nowhere};
  if (peek() != '"' || !string())
    return false;
  span.end = at_;
  blanks();
  return sign(':');
}

bool JsonSkim::next(char bracket, bool& more) {
  blanks();
  more = sign(',');
  if (!more)
    return sign(bracket);
  blanks();
  if (bracket == '}' && sign('}')) // a comma behind the last member
    more = false;
  return true;
}

bool JsonSkim::value(JsonSpan& span) {
  blanks();
  span = {at_, JsonSpan::nowhere};
  const char first = peek();
  const bool whole = first == '"' ? string() : first == '{' || first == '[' ? nested() : token();
  if (whole)
    span.end = at_;
  return whole;
}

/// An array or object with all that is in it; without recursion, because it may be deep.
bool JsonSkim::nested() {
  brackets_.clear();
  JsonSpan name;
  for (;;) {
    blanks();
    const char first = peek();
    bool more = true;
    if (first == '{' || first == '[') {
      ++at_;
      brackets_ += first == '{' ? '}' : ']';
      blanks();
      more = !sign(brackets_.back());
      if (more) {
        if (first == '{' && !key(name))
          return false;
        continue;
      }
    } else if (!(first == '"' ? string() : token()) || !next(brackets_.back(), more)) {
      return false;
    }
    while (!more) { // a bracket was closed
      brackets_.pop_back();
      if (brackets_.empty())
        return true;
      if (!next(brackets_.back(), more))
        return false;
    }
    if (brackets_.back() == '}' && !key(name))
      return false;
  }
}

} // namespace kdq
