// The replies: both shapes of a status report, the places of a task id, error envelopes, and what
// can be saved from a body that is damaged.
#include "poller/json_outline.h"
#include "poller/kdocs_errors.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace kdq::kdocs_api {
namespace {

bool is_http_error(int status) {
  return status < 200 || status >= 300;
}

bool means_end(std::string_view status) {
  return status == "finish" || status == "finished"; // the latter is the sibling API's word
}

/// The number in `text`, all of it.
template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end)
    return std::nullopt;
  return value;
}

/// A string as it is, nothing for null or a missing value, all else as JSON text.
std::string plain(const std::string* json) {
  if (json == nullptr || *json == "null")
    return {};
  return string_in(*json).value_or(*json);
}

JsonOutline outline_of(const std::string* json) {
  return json == nullptr ? JsonOutline{} : outline_json(*json);
}

// --- log lines ------------------------------------------------------------------------------

/// Sets `args` and `message` as console.log prints: strings bare, a blank in between.
void read_args(const std::string* json, LogLine& line) {
  line.args = "[]";
  if (json == nullptr || *json == "null")
    return;
  const JsonOutline args = outline_json(*json);
  if (args.kind != JsonOutline::Kind::array) {
    line.args = "[" + *json + "]";
    line.message = string_in(*json).value_or(*json);
    return;
  }
  line.args = *json;
  for (std::size_t i = 0; i < args.members.size(); ++i) {
    const std::string& arg = args.members[i].text;
    line.message += (i == 0 ? "" : " ") + string_in(arg).value_or(arg);
  }
}

/// Kept as received: the unit (seconds or milliseconds) and a fraction are not touched.
decltype(LogLine::unix_time) read_unix_time(const std::string* json) {
  const std::string text = plain(json);
  if (const auto whole = number_in<std::int64_t>(text))
    return *whole;
  if (const auto real = number_in<double>(text))
    return *real;
  return std::monostate{};
}

LogLine read_line(const std::string& json) {
  const JsonOutline entry = outline_json(json);
  LogLine line;
  if (entry.kind != JsonOutline::Kind::object) {
    read_args(&json, line); // not what the API promises, but better a bare line than a lost one
    return line;
  }
  line.level = plain(entry.find("level"));
  line.filename = plain(entry.find("filename"));
  line.unix_time = read_unix_time(entry.find("unix_time"));
  line.timestamp = plain(entry.find("timestamp"));
  read_args(entry.find("args"), line);
  return line;
}

std::vector<LogLine> read_lines(const std::string* json) {
  std::vector<LogLine> lines;
  if (json == nullptr || *json == "null" || *json == "\"\"")
    return lines;
  const JsonOutline logs = outline_json(*json);
  if (logs.kind == JsonOutline::Kind::array) {
    lines.reserve(logs.members.size());
    for (const JsonMember& entry : logs.members)
      lines.push_back(read_line(entry.text));
  } else if (logs.kind == JsonOutline::Kind::scalar || !logs.problem) {
    lines.push_back(read_line(*json));
  }
  return lines;
}

// --- envelopes ------------------------------------------------------------------------------

/// The parts of a status reply, wherever its shape has them. From a damaged body: as far as it
/// goes.
struct Unwrapped {
  std::optional<std::string> status; ///< none: this is no status report
  std::string error;
  std::vector<LogLine> logs;
  std::string result = "null";
};

std::optional<std::string> status_in(const JsonOutline& outline) {
  const std::string* const status = outline.find("status");
  return status == nullptr ? std::nullopt : string_in(*status);
}

Unwrapped unwrap(const JsonOutline& root) {
  const JsonOutline outer = outline_of(root.find_head("data"));
  Unwrapped reply;
  reply.status = status_in(root);
  const bool bare = reply.status || (!status_in(outer) && outer.find_head("data") == nullptr);
  if (!bare)
    reply.status = status_in(outer);
  reply.error = plain((bare ? root : outer).find("error"));
  const JsonOutline data = bare ? outer : outline_of(outer.find_head("data"));
  reply.logs = read_lines(data.find_head("logs"));
  if (const std::string* const result = data.find("result"))
    reply.result = *result;
  return reply;
}

/// The code, also if it is written as 30002.0 or, by the caller's plain(), as a string.
std::optional<std::int64_t> code_in(std::string_view text) {
  if (const auto whole = number_in<std::int64_t>(text))
    return whole;
  const auto real = number_in<double>(text);
  if (!real || std::trunc(*real) != *real || std::abs(*real) > 1e15)
    return std::nullopt;
  return static_cast<std::int64_t>(*real);
}

Failure read_failure(const JsonOutline& root, const Answered& reply, Endpoint endpoint) {
  Failure failure;
  failure.endpoint = endpoint;
  failure.http_status = reply.http_status;
  failure.retry_after = reply.retry_after;
  if (root.problem)
    return failure;
  const std::string code = plain(root.find("code"));
  failure.code = code_in(code);
  failure.coded = !code.empty() && failure.code != 0;
  failure.name = plain(root.find("result"));
  failure.message = plain(root.find("msg"));
  if (failure.message.empty())
    failure.message = plain(root.find("message"));
  return failure;
}

/// The first usable one of the places where the id has been seen.
std::optional<TaskId> task_id_in(const JsonOutline& root) {
  const JsonOutline data = outline_of(root.find("data"));
  const std::array places{data.find("task_id"), root.find("task_id"), data.find("taskId"),
                          root.find("taskId")};
  for (const std::string* const place : places) {
    if (place == nullptr)
      continue;
    std::optional<std::string> id = string_in(*place);
    if (id && !id->empty() && id->size() <= max_task_id_bytes)
      return TaskId{*std::move(id)};
  }
  return std::nullopt;
}

} // namespace

SubmitOutcome read_submit(const Answered& reply) {
  const JsonOutline root = outline_json(reply.body);
  const Failure failure = read_failure(root, reply, Endpoint::submit);
  if (failure.coded)
    return judge(failure);
  if (!root.problem)
    if (std::optional<TaskId> id = task_id_in(root))
      return Accepted{*std::move(id)};
  if (is_http_error(reply.http_status))
    return judge(failure);
  return no_task_id(failure, root.problem ? "its body is no valid JSON: " + *root.problem
                                          : "its body is JSON without one");
}

StatusOutcome read_status(const Answered& reply) {
  const JsonOutline root = outline_json(reply.body);
  const Failure failure = read_failure(root, reply, Endpoint::status);
  const bool http_error = is_http_error(reply.http_status);
  Unwrapped parts = unwrap(root);

  if (parts.logs.empty() && (failure.coded || (http_error && root.problem)))
    return judge(failure);
  if (root.problem)
    return Damaged{"the reply is no valid JSON: " + *root.problem, std::move(parts.logs)};
  if (failure.coded)
    return Damaged{"log lines came with an error: " + judge(failure).sentence,
                   std::move(parts.logs)};
  // Gateways put a word of their own into `status` of their error bodies.
  const bool credible = !http_error || !parts.logs.empty() || parts.status == "running" ||
                        means_end(parts.status.value_or(""));
  if (parts.status && credible) {
    const bool ended = means_end(*parts.status);
    return StatusReport{*std::move(parts.status), ended, std::move(parts.error),
                        std::move(parts.logs), std::move(parts.result)};
  }
  if (http_error && parts.logs.empty())
    return judge(failure);
  return Damaged{"the reply is neither a status report nor an error", std::move(parts.logs)};
}

std::vector<LogLine> salvage(std::string_view body) {
  return unwrap(outline_json(body)).logs;
}

} // namespace kdq::kdocs_api
