// The replies: both shapes of a status report, the places of a task id, error envelopes, and what
// can be saved from a body that is damaged.
#include "poller/api/ascii.h"
#include "poller/api/json_outline.h"
#include "poller/api/kdocs_errors.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <utility>

namespace kdq::kdocs_api {
namespace {

/// A service that says how long to wait is believed within these bounds: not at once, which would
/// be as fast as replies come, and not for ever.
constexpr std::chrono::seconds shortest_wait{1};
constexpr std::chrono::seconds longest_wait = std::chrono::days(366);

bool is_http_error(int status) {
  return status < 200 || status >= 300;
}

bool means_end(std::string_view status) {
  return status == "finish" || status == "finished"; // the latter is the sibling API's word
}

/// Words that are not the API's, or not in its spelling: with a result, or with the error of a
/// script, they are an end all the same; without either nobody knows.
bool means_end_with(std::string_view status, bool has_result, bool has_error) {
  std::string word(status);
  std::transform(word.begin(), word.end(), word.begin(), ascii_lower);
  const auto is_one_of = [&word](std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (is_one_of({"finish", "finished", "success", "succeeded", "complete", "completed", "done"}))
    return has_result || has_error;
  return has_error && is_one_of({"fail", "failed", "failure", "error"});
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

/// A string as it is, all else as JSON text.
std::string_view content(JsonValue value) {
  return value.string().value_or(value.text());
}

/// As content(), but nothing for null or a missing value.
std::string_view plain(JsonValue value) {
  return value.kind() == JsonKind::null ? std::string_view{} : content(value);
}

/// What is looked into; of all else the text is enough.
JsonOutline outline_reply(std::string_view body) {
  return JsonOutline(body, {"data", "logs", "args"});
}

// --- log lines ------------------------------------------------------------------------------

/// Sets `args` and `message` as console.log prints: strings bare, a blank in between.
void read_args(JsonValue args, LogLine& line) {
  if (!args || args.kind() == JsonKind::null) {
    line.args = "[]";
    return;
  }
  if (args.kind() != JsonKind::array) {
    line.args.append("[").append(args.text()).append("]");
    line.message = content(args);
    return;
  }
  line.args = args.text();
  line.message.reserve(line.args.size());
  for (JsonValue arg = args.first(); arg; arg = arg.next()) {
    line.message += content(arg);
    if (arg.next())
      line.message += ' ';
  }
}

/// Kept as received: the unit (seconds or milliseconds) and a fraction are not touched.
decltype(LogLine::unix_time) read_unix_time(JsonValue value) {
  const std::string_view text = plain(value);
  if (const auto whole = number_in<std::int64_t>(text))
    return *whole;
  if (const auto real = number_in<double>(text))
    return *real;
  return std::monostate{};
}

LogLine read_line(JsonValue entry) {
  LogLine line;
  if (entry.kind() != JsonKind::object) {
    read_args(entry, line); // not what the API promises, but better a bare line than a lost one
    return line;
  }
  line.level = plain(entry.find("level"));
  line.filename = plain(entry.find("filename"));
  line.unix_time = read_unix_time(entry.find("unix_time"));
  line.timestamp = plain(entry.find("timestamp"));
  read_args(entry.find("args"), line);
  return line;
}

std::vector<LogLine> read_lines(JsonValue logs) {
  std::vector<LogLine> lines;
  if (logs.kind() == JsonKind::array) {
    for (JsonValue entry = logs.first(); entry; entry = entry.next())
      if (entry.complete())
        lines.push_back(read_line(entry));
  } else if (logs.complete() && !plain(logs).empty()) {
    lines.push_back(read_line(logs));
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
  bool left_over = false; ///< there is more that looks like lines or a result
};

std::optional<std::string> status_in(JsonValue envelope) {
  const std::optional<std::string_view> status = envelope.find("status").string();
  return status ? std::optional<std::string>(*status) : std::nullopt;
}

/// Whether the value with which a compact text begins says nothing: missing, null, or empty.
bool is_empty(std::string_view json) {
  return json.empty() || json.starts_with("null") || json.starts_with(R"("")") ||
         json.starts_with("[]") || json.starts_with("{}");
}

JsonValue first_with_content(JsonValue usual, JsonValue other) {
  const bool cut_off = usual && !usual.complete();
  return cut_off || !is_empty(usual.text()) || !other ? usual : other;
}

/// Whether a complete text has, outside of what was taken, a member that by its name holds lines or
/// a result. (The outline is compact, and a quote inside of a string has a backslash before it.)
bool has_left_over(JsonValue root, std::initializer_list<JsonValue> taken) {
  const std::string_view text = root.text();
  for (const std::string_view name : {R"("logs":)", R"("log":)", R"("result":)", R"("output":)"})
    for (std::size_t at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
      const std::string_view value = text.substr(at + name.size());
      const auto holds_it = [&](JsonValue one) {
        return one && one.text().data() <= value.data() &&
               value.data() < one.text().data() + one.text().size();
      };
      if (!is_empty(value) && std::none_of(taken.begin(), taken.end(), holds_it))
        return true;
    }
  return false;
}

Unwrapped unwrap(JsonValue root) {
  const JsonValue outer = root.find_head("data");
  Unwrapped reply;
  reply.status = status_in(root);
  const bool bare = reply.status || (!status_in(outer) && !outer.find_head("data"));
  if (!bare)
    reply.status = status_in(outer);
  reply.error = plain((bare ? root : outer).find("error"));
  // Imitations of the service leave out the inner object: then its parts stand beside `status`.
  const JsonValue envelope = bare ? root : outer;
  const JsonValue data = bare ? outer : outer.find_head("data");
  const JsonValue logs = first_with_content(data.find_head("logs"), envelope.find_head("logs"));
  const JsonValue result = first_with_content(data.find("result"), envelope.find("result"));
  reply.logs = read_lines(logs);
  if (result)
    reply.result = result.text();
  // An envelope names the code of its error there.
  const JsonValue name = bare ? JsonValue{} : root.find("result");
  reply.left_over = has_left_over(root, {logs, result, name.string() ? name : JsonValue{}});
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

Failure read_failure(const JsonOutline& body, const Answered& reply, Endpoint endpoint) {
  Failure failure;
  failure.endpoint = endpoint;
  failure.http_status = reply.http_status;
  if (reply.retry_after)
    failure.retry_after = std::clamp(*reply.retry_after, shortest_wait, longest_wait);
  if (body.problem())
    return failure;
  const JsonValue root = body.root();
  const std::string_view code = plain(root.find("code"));
  failure.code = code_in(code);
  failure.coded = !code.empty() && failure.code != 0;
  failure.name = plain(root.find("result"));
  failure.message = plain(root.find("msg"));
  if (failure.message.empty())
    failure.message = plain(root.find("message"));
  return failure;
}

/// The first usable one of the places where the id has been seen.
std::optional<TaskId> task_id_in(JsonValue root) {
  const JsonValue data = root.find("data");
  for (const JsonValue place :
       {data.find("task_id"), root.find("task_id"), data.find("taskId"), root.find("taskId")}) {
    const std::optional<std::string_view> id = place.string();
    if (id && !id->empty() && id->size() <= max_task_id_bytes)
      return TaskId{std::string(*id)};
  }
  return std::nullopt;
}

} // namespace

SubmitOutcome read_submit(const Answered& reply) {
  const JsonOutline body = outline_reply(reply.body);
  const Failure failure = read_failure(body, reply, Endpoint::submit);
  if (failure.coded)
    return judge(failure);
  if (!body.problem())
    if (std::optional<TaskId> id = task_id_in(body.root()))
      return Accepted{*std::move(id)};
  if (is_http_error(reply.http_status))
    return judge(failure);
  return no_task_id(failure, body.problem() ? "its body is no valid JSON: " + *body.problem()
                                            : "its body is JSON without one");
}

StatusOutcome read_status(const Answered& reply) {
  const JsonOutline body = outline_reply(reply.body);
  const Failure failure = read_failure(body, reply, Endpoint::status);
  const bool http_error = is_http_error(reply.http_status);
  Unwrapped parts = unwrap(body.root());

  if (parts.logs.empty() && (failure.coded || (http_error && body.problem())))
    return judge(failure);
  if (body.problem())
    return Damaged{"the reply is no valid JSON: " + *body.problem(), std::move(parts.logs)};
  if (failure.coded)
    return Damaged{"log lines came with an error: " + judge(failure).sentence,
                   std::move(parts.logs)};
  // Gateways put a word of their own into `status` of their error bodies.
  const bool credible = !http_error || !parts.logs.empty() || parts.status == running_word ||
                        means_end(parts.status.value_or(""));
  if (parts.status && credible) {
    const bool ended = means_end(*parts.status) ||
                       means_end_with(*parts.status, !is_empty(parts.result), !parts.error.empty());
    return StatusReport{*std::move(parts.status), ended,
                        std::move(parts.error),   std::move(parts.logs),
                        std::move(parts.result),  parts.left_over};
  }
  if (http_error && parts.logs.empty())
    return judge(failure);
  return Damaged{"the reply is neither a status report nor an error", std::move(parts.logs)};
}

std::vector<LogLine> salvage(std::string_view body) {
  return unwrap(outline_reply(body).root()).logs;
}

} // namespace kdq::kdocs_api
