// The replies: both shapes of a status report, the places of a task id, error envelopes, and what
// can be saved from a body that is damaged.
#include "poller/api/ascii.h"
#include "poller/api/json_text.h"
#include "poller/api/kdocs_errors.h"
#include "poller/api/reply_envelope.h"

#include <algorithm>
#include <utility>

namespace kdq::kdocs_api {
namespace {

bool means_end(std::string_view status) {
  return status == "finish" || status == "finished"; // the latter is the sibling API's word
}

/// Words that are not the API's, or not in its spelling: with a result, or with the error of a
/// script, they are an end all the same; without either nobody knows.
bool means_end_with(std::string_view status, bool has_result, bool has_error) {
  const std::string word = ascii_lower(status);
  const auto is_one_of = [&word](std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (is_one_of({"finish", "finished", "success", "succeeded", "complete", "completed", "done"}))
    return has_result || has_error;
  return has_error && is_one_of({"fail", "failed", "failure", "error"});
}

// --- envelopes ------------------------------------------------------------------------------

/// The parts of a status reply, wherever its shape has them. From a damaged body: as far as it
/// goes.
struct Unwrapped {
  std::optional<std::string> status; ///< none: this is no status report
  bool has_error = false;            ///< be it empty
  std::string error;
  LogEntries logs;
  bool has_result = false;
  std::string result = "null"; ///< empty: it cannot be read
  bool left_over = false;      ///< there is more that looks like lines or a result
  bool unread = false;         ///< a part of it is not, or not exactly, what was received
};

JsonSpan first_with_content(const ReplyEnvelope& body, const JsonSpan& usual,
                            const JsonSpan& other) {
  const bool cut_off = usual && !usual.complete();
  return cut_off || !body.is_empty(usual) || !other ? usual : other;
}

/// What is no list is taken for one entry.
LogEntries entries_in(const ReplyEnvelope& body, const EnvelopeObject& object) {
  const JsonSpan& logs = object[Member::logs];
  if (object.log_entries > 0)
    return {logs.begin + 1, object.log_entries};
  return body.is_empty(logs) ? LogEntries{} : LogEntries{logs.begin, 1};
}

void read_result(const ReplyEnvelope& body, const JsonSpan& span, Unwrapped& reply) {
  if (!span) {
    if (!body.whole())
      reply.result.clear(); // it may stand where the text breaks off
    return;
  }
  JsonText json = read_json(body.text(span), JsonRules::mend);
  reply.has_result = !body.is_empty(span);
  reply.unread = reply.unread || !json.exact();
  reply.result = json.exact() ? std::move(json.text) : std::string{};
}

Unwrapped unwrap(const ReplyEnvelope& body) {
  const EnvelopeObject& root = body.root();
  const EnvelopeObject& outer = body.data();
  Unwrapped reply;
  const Words here = body.words(root[Member::status]);
  const Words there = body.words(outer[Member::status]);
  const bool bare = here.is_string || (!there.is_string && !outer[Member::data]);
  const Words& status = bare ? here : there;
  if (status.is_string)
    reply.status = status.text;
  // Imitations of the service leave out the inner object: then its parts stand beside `status`.
  const EnvelopeObject& envelope = bare ? root : outer;
  const EnvelopeObject& data = bare ? outer : body.inner_data();
  Words error = body.words(envelope[Member::error]);
  reply.has_error = bool(envelope[Member::error]);
  reply.error = std::move(error.text);
  const JsonSpan logs = first_with_content(body, data[Member::logs], envelope[Member::logs]);
  const bool beside = logs.begin == envelope[Member::logs].begin;
  reply.logs = entries_in(body, beside ? envelope : data);
  reply.unread = !status.exact || !error.exact || envelope.twice;
  const JsonSpan result = first_with_content(body, data[Member::result], envelope[Member::result]);
  read_result(body, result, reply);
  // An envelope names the code of its error there.
  const JsonSpan name = bare ? JsonSpan{} : root[Member::result];
  const bool is_name = body.text(name).starts_with('"');
  reply.left_over = body.whole() && body.has_left_over({logs, result, is_name ? name : JsonSpan{}});
  return reply;
}

Failure read_failure(const ReplyEnvelope& body, const Answered& reply, Endpoint endpoint) {
  Failure failure = failure_of(reply, endpoint);
  if (!body.whole())
    return failure;
  const EnvelopeObject& root = body.root();
  const std::string code = body.words(root[Member::code]).text;
  failure.code = code_in(code);
  failure.coded = !code.empty() && failure.code != 0;
  failure.name = body.words(root[Member::result]).text;
  failure.message = body.words(root[Member::msg]).text;
  if (failure.message.empty())
    failure.message = body.words(root[Member::message]).text;
  return failure;
}

/// The first usable one of the places where the id has been seen.
std::optional<TaskId> task_id_in(const ReplyEnvelope& body) {
  const EnvelopeObject& root = body.root();
  const EnvelopeObject& data = body.data();
  for (const JsonSpan& place :
       {data[Member::task_id], root[Member::task_id], data[Member::taskId], root[Member::taskId]}) {
    Words id = body.words(place);
    if (id.is_string && id.exact && !id.text.empty() && id.text.size() <= max_task_id_bytes)
      return TaskId{std::move(id.text)};
  }
  return std::nullopt;
}

bool is_end(const Unwrapped& parts) {
  return parts.status && (means_end(*parts.status) ||
                          means_end_with(*parts.status, parts.has_result, !parts.error.empty()));
}

StatusReport report_of(Unwrapped&& parts) {
  const bool ended = is_end(parts);
  return {*std::move(parts.status),
          ended,
          std::move(parts.error),
          parts.logs,
          std::move(parts.result),
          parts.left_over,
          parts.unread};
}

/// The end that stands in the head of a body, if nothing in it speaks against it.
std::optional<StatusReport> end_in_head(const ReplyEnvelope& body, Unwrapped&& parts,
                                        int http_status) {
  const std::optional<std::int64_t> code = code_in(body.words(body.root()[Member::code]).text);
  if (is_http_error(http_status) || code.value_or(0) != 0 || !parts.has_error || !is_end(parts))
    return std::nullopt;
  return report_of(std::move(parts));
}

} // namespace

SubmitOutcome read_submit(const Answered& reply) {
  const ReplyEnvelope body(reply.body);
  const Failure failure = read_failure(body, reply, Endpoint::submit);
  if (failure.coded)
    return judge(failure);
  if (!body.problem())
    if (std::optional<TaskId> id = task_id_in(body))
      return Accepted{*std::move(id)};
  if (is_http_error(reply.http_status))
    return judge(failure);
  return no_task_id(failure, body.problem() ? "its body is no valid JSON: " + *body.problem()
                                            : "its body is JSON without one");
}

StatusOutcome read_status(const Answered& reply) {
  const ReplyEnvelope body(reply.body);
  const Failure failure = read_failure(body, reply, Endpoint::status);
  const bool http_error = is_http_error(reply.http_status);
  Unwrapped parts = unwrap(body);
  const LogEntries logs = parts.logs;

  if (logs.empty() && (failure.coded || (http_error && !body.whole())))
    return judge(failure);
  const auto no_json = [&body] { return "the reply is no valid JSON: " + *body.problem(); };
  if (!body.whole())
    return Damaged{no_json(), logs, end_in_head(body, std::move(parts), reply.http_status)};
  if (failure.coded)
    return Damaged{"log lines came with an error: " + judge(failure).sentence, logs, {}};
  // Gateways put a word of their own into `status` of their error bodies.
  const bool credible = !http_error || !logs.empty() || parts.status == running_word ||
                        means_end(parts.status.value_or(""));
  if (parts.status && credible) {
    parts.unread = parts.unread || body.problem(); // there is more behind the report
    return report_of(std::move(parts));
  }
  if (http_error && logs.empty())
    return judge(failure);
  return Damaged{
      body.problem() ? no_json() : "the reply is neither a status report nor an error", logs, {}};
}

Salvaged salvage(std::string_view body, int http_status) {
  const ReplyEnvelope envelope(body);
  Unwrapped parts = unwrap(envelope);
  const LogEntries logs = parts.logs;
  return {logs, end_in_head(envelope, std::move(parts), http_status)};
}

} // namespace kdq::kdocs_api
