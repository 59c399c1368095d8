#include "daemon/web/job_filter.h"

#include "store/job.h"

#include <algorithm>
#include <array>

namespace kdq::web {
namespace {

constexpr std::string_view open_state = "open";
/// As the indexes of open jobs have it (store/schema/tables.sql).
constexpr std::string_view is_open =
    "(state = 'queued' OR state = 'submitting' OR state = 'running' OR state = 'unconfirmed')";

/// A UTC time as the database writes it, from that or from what a browser's field for one gives;
/// empty: it is none. Without a fraction that is 0, so that it sorts before the same time with one.
std::string time_text(std::string text) {
  if (text.size() > 10 && text[10] == 'T')
    text[10] = ' ';
  if (text.size() == 10)
    text += " 00:00";
  if (text.size() == 16)
    text += ":00";
  const auto time = parse_time(text);
  if (!time)
    return {};
  const std::string full = to_text(*time);
  return full.ends_with(".000") ? full.substr(0, 19) : full;
}

/// A pattern of LIKE for texts that have this piece.
std::string pattern_of(std::string_view piece) {
  std::string pattern = "%";
  for (const char c : piece) {
    if (c == '%' || c == '_' || c == '\\')
      pattern += '\\';
    pattern += c;
  }
  return pattern + "%";
}

/// A text in SQL. What cannot be seen could not be copied, and would end the statement at a NUL.
std::string literal(const std::string& text) {
  std::string out;
  if (!is_shown_as_it_is(text)) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      out += {digits[byte >> 4], digits[byte & 15]};
    }
    return "CAST(X'" + out + "' AS TEXT)";
  }
  for (const char c : text)
    out += c == '\'' ? "''" : std::string(1, c);
  return "'" + out + "'";
}

std::string literal(const Value& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  return number ? std::to_string(*number) : literal(std::get<std::string>(value));
}

/// The condition of a filter; `put` makes a value a piece of SQL.
template <class Put>
std::string condition_of(const JobFilter& filter, const Put& put) {
  std::string all;
  const auto add = [&](const std::string& one) { all += (all.empty() ? "" : " AND ") + one; };
  const auto add_if = [&](const char* column, const std::string& value) {
    if (!value.empty())
      add(column + put(Value(value)));
  };
  if (filter.state == open_state)
    add(std::string(is_open));
  else
    add_if("state = ", filter.state);
  add_if("app = ", filter.app);
  add_if("file_token = ", filter.file_token);
  add_if("script_name = ", filter.script_name);
  add_if("cause = ", filter.cause);
  add_if("schedule = ", filter.schedule);
  if (filter.batch)
    add("batch_id = " + put(Value(*filter.batch)));
  add_if("created_at >= ", filter.since);
  add_if("created_at < ", filter.until);
  add_if("finished_at >= ", filter.ended_since);
  if (!filter.error.empty())
    add("error LIKE " + put(Value(pattern_of(filter.error))) + " ESCAPE '\\'");
  return all.empty() ? "1" : all;
}

} // namespace

JobFilter JobFilter::of(const Visit& visit) {
  JobFilter filter;
  filter.state = visit.parameter("state");
  if (filter.state != open_state && !job_state(filter.state))
    filter.state.clear();
  filter.app = visit.parameter("app");
  filter.file_token = visit.parameter("file");
  filter.script_name = visit.parameter("script");
  filter.error = visit.parameter("error");
  filter.cause = visit.parameter("cause");
  filter.schedule = visit.parameter("schedule");
  filter.batch = visit.number("batch");
  filter.since = time_text(visit.parameter("since"));
  filter.until = time_text(visit.parameter("until"));
  filter.ended_since = time_text(visit.parameter("ended_since"));
  return filter;
}

std::vector<std::pair<std::string, std::string>> JobFilter::parameters() const {
  std::vector<std::pair<std::string, std::string>> all{
      {"state", state},
      {"app", app},
      {"file", file_token},
      {"script", script_name},
      {"error", error},
      {"cause", cause},
      {"schedule", schedule},
      {"batch", batch ? std::to_string(*batch) : ""},
      {"since", since},
      {"until", until},
      {"ended_since", ended_since}};
  std::erase_if(all, [](const auto& parameter) { return parameter.second.empty(); });
  return all;
}

bool JobFilter::is_empty() const {
  return parameters().empty();
}

std::string JobFilter::condition(std::vector<Value>& bound) const {
  return condition_of(*this, [&](Value value) {
    bound.push_back(std::move(value));
    return "?" + std::to_string(bound.size());
  });
}

std::string JobFilter::literal_condition() const {
  return condition_of(*this, [](const Value& value) { return literal(value); });
}

} // namespace kdq::web
