#include "poller/api/reply_envelope.h"

#include "poller/api/ascii.h"

#include <algorithm>

namespace kdq::kdocs_api {
namespace {

constexpr std::array<std::string_view, member_count> names = {
    "code", "status", "error", "result", "logs", "msg", "message", "task_id", "taskId", "data"};

std::optional<Member> member_of(std::string_view name) {
  const auto* const found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    return std::nullopt;
  return static_cast<Member>(found - names.begin());
}

/// What its last value says is believed; but nobody knows what it was to say.
bool decides(Member member) {
  return member == Member::code || member == Member::status || member == Member::error;
}

/// Whether the value with which a text begins says nothing.
bool begins_empty(std::string_view json) {
  if (json.empty() || json.starts_with("null") || json.starts_with(R"("")"))
    return true;
  if (json.front() != '[' && json.front() != '{')
    return false;
  JsonSkim skim(json, 1);
  skim.blanks();
  return skim.peek() == (json.front() == '[' ? ']' : '}');
}

bool holds_lines_or_result(std::string_view name) {
  const std::string word = ascii_lower(name);
  return word == "logs" || word == "log" || word == "result" || word == "output";
}

} // namespace

ReplyEnvelope::ReplyEnvelope(std::string_view body) : body_(body) {
  JsonSkim skim(body, body.starts_with(byte_order_mark) ? byte_order_mark.size() : 0);
  skim.blanks();
  if (skim.peek() == '[') { // no reply of the API
    JsonSpan list;
    whole_ = skim.value(list);
  } else if (skim.peek() == '{') {
    whole_ = read_object(skim, 0);
  } else { // nor is this: to be told apart from JSON, which ends anywhere
    problem_ = read_json(body).problem;
    whole_ = !problem_;
    return;
  }
  skim.blanks();
  if (!whole_ || !skim.at_end())
    problem_ = json_problem_at(body, skim.at());
}

bool ReplyEnvelope::read_object(JsonSkim& skim, std::size_t depth) {
  EnvelopeObject& object = objects_[depth];
  object = {};
  skim.sign('{');
  skim.blanks();
  if (skim.sign('}'))
    return true;
  std::string scratch;
  JsonSpan key;
  for (bool more = true; more;) {
    if (!skim.key(key))
      return false;
    const std::optional<Member> member = member_of(key_name(key.in(body_), scratch));
    JsonSpan span;
    const bool whole = read_value(skim, depth, member, span);
    if (member && (whole || *member == Member::data || *member == Member::logs)) {
      object.twice = object.twice || (decides(*member) && object[*member]);
      object[*member] = span;
    }
    if (!whole || !skim.next('}', more))
      return false;
  }
  return true;
}

bool ReplyEnvelope::read_value(JsonSkim& skim, std::size_t depth, std::optional<Member> member,
                               JsonSpan& span) {
  skim.blanks();
  if (member == Member::logs) {
    objects_[depth].log_entries = 0;
    if (skim.peek() == '[')
      return read_entries(skim, objects_[depth], span);
  }
  if (member != Member::data || depth + 1 == objects_.size())
    return skim.value(span);
  objects_[depth + 1] = {};
  if (skim.peek() != '{')
    return skim.value(span);
  span.begin = skim.at();
  if (!read_object(skim, depth + 1))
    return false;
  span.end = skim.at();
  return true;
}

bool ReplyEnvelope::read_entries(JsonSkim& skim, EnvelopeObject& object, JsonSpan& span) {
  span.begin = skim.at();
  skim.sign('[');
  skim.blanks();
  bool more = !skim.sign(']');
  while (more) {
    JsonSpan entry;
    if (!skim.value(entry))
      return false;
    ++object.log_entries;
    if (!skim.next(']', more))
      return false;
  }
  span.end = skim.at();
  return true;
}

bool ReplyEnvelope::is_empty(const JsonSpan& span) const {
  return begins_empty(text(span));
}

Words ReplyEnvelope::words(const JsonSpan& span) const {
  return span.complete() ? words_of(text(span)) : Words{};
}

bool ReplyEnvelope::has_left_over(std::initializer_list<JsonSpan> taken) const {
  const auto end_of_taken = [&taken](std::size_t at) {
    for (const JsonSpan& span : taken)
      if (span.complete() && span.begin <= at && at < span.end)
        return span.end;
    return at;
  };
  std::string scratch;
  for (std::size_t at = 0; (at = body_.find('"', at)) != body_.npos;) {
    if (const std::size_t end = end_of_taken(at); end != at) {
      at = end;
      continue;
    }
    JsonSkim skim(body_, at);
    JsonSpan quoted;
    if (!skim.value(quoted))
      return false;
    at = skim.at();
    skim.blanks();
    if (!skim.sign(':'))
      continue;
    skim.blanks();
    at = skim.at();
    if (holds_lines_or_result(key_name(quoted.in(body_), scratch)) && end_of_taken(at) == at &&
        !begins_empty(body_.substr(at)))
      return true;
  }
  return false;
}

} // namespace kdq::kdocs_api
