#include "poller/engine/replies/reply_outcome.h"

#include "store/base/time.h"
#include "store/base/utf8.h"
#include "store/spill_file.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace kdq {
namespace {

using kdocs_api::ErrorClass;
using kdocs_api::ServiceError;

// Of a long reply so much is stored by one transaction, which holds the write lock meanwhile.
constexpr kdocs_api::PieceLimit one_piece{1000, 100'000};

constexpr const char* is_left_over =
    "the reply has something like log lines or a result where none "
    "is known: see requests.body";
constexpr const char* is_unread =
    "a part of the reply cannot be read, or not exactly: see requests.body";
constexpr const char* lines_are_unread =
    "log lines of the reply cannot be read, or not exactly: see requests.body";

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>; // clang 14 needs to be told

bool is_submit(const ReplyOutcome& outcome) {
  return outcome.end.request.intent.endpoint == Endpoint::submit;
}

/// Removes what the service or the network may have echoed.
std::string clean(const ReplyOutcome& outcome, std::string text) {
  text = kdocs_api::without_secret(std::move(text), outcome.end.request.token);
  return kdocs_api::without_secret(std::move(text), outcome.end.request.task.value);
}

/// The same for what the script or the service has written on purpose.
void clean_content(const InFlight& request, std::string& text) {
  using kdocs_api::SecretPart;
  text = kdocs_api::without_secret(std::move(text), request.token, SecretPart::whole);
  text = kdocs_api::without_secret(std::move(text), request.task.value, SecretPart::whole);
}

kdocs_api::StatusReport* report_in(ReplyOutcome& outcome) {
  if (auto* reported = std::get_if<Reported>(&outcome.meaning))
    return &reported->report;
  auto* missing = std::get_if<NoReport>(&outcome.meaning);
  return missing && missing->end ? &*missing->end : nullptr;
}

void clean_lines(ReplyOutcome& outcome) {
  for (LogLine& line : outcome.lines) {
    for (std::string* text :
         {&line.level, &line.filename, &line.timestamp, &line.args, &line.message})
      clean_content(outcome.end.request, *text);
    // For people; args has it as received.
    for (std::string* text : {&line.level, &line.filename, &line.timestamp, &line.message})
      *text = visible(std::move(*text));
  }
}

void clean_content(ReplyOutcome& outcome) {
  const InFlight& request = outcome.end.request;
  if (kdocs_api::StatusReport* const report = report_in(outcome)) {
    for (std::string* text : {&report->status, &report->error, &report->result})
      clean_content(request, *text);
    for (std::string* text : {&report->status, &report->error})
      *text = visible(std::move(*text));
  }
  // It may be cut off inside of the token. Of a start it keeps the task id: it may be all that is
  // left of it.
  std::string& body = outcome.end.body;
  body = kdocs_api::without_secret(std::move(body), request.token);
  body =
      kdocs_api::without_secret(std::move(body), request.task.value, kdocs_api::SecretPart::whole);
}

/// Takes the next lines; of entries that are in no line, or not exactly, a gap tells.
void take_piece(ReplyOutcome& outcome, std::string_view body, kdocs_api::LogEntries& entries,
                const kdocs_api::PieceLimit& limit) {
  kdocs_api::LogPiece piece = kdocs_api::read_lines(body, entries, limit);
  outcome.lines = std::move(piece.lines);
  outcome.entries = piece.entries;
  clean_lines(outcome);
  for (const LogLine& line : outcome.lines)
    if (auto progress = kdocs_api::progress_of(line.message))
      outcome.progress = std::move(progress);
  if (piece.unread > 0 && outcome.gap.empty())
    outcome.gap = lines_are_unread;
}

void read_log(ReplyOutcome& outcome, std::string_view body, kdocs_api::LogEntries entries) {
  // What is stored already is read once more, for what its gap is to tell.
  for (std::size_t stored = outcome.end.request.entries_stored; stored > 0 && !entries.empty();
       stored -= outcome.entries)
    take_piece(outcome, body, entries, {std::min(stored, one_piece.entries), one_piece.bytes});
  take_piece(outcome, body, entries, one_piece);
  if (!entries.empty())
    outcome.rest = LogRest{std::string(body), entries};
}

void read(ReplyOutcome& outcome, NotSent&& failure) {
  outcome.end.outcome = RequestOutcome::not_sent;
  outcome.end.reason = failure.reason;
  if (is_submit(outcome))
    outcome.meaning = PutBack{std::move(failure.reason)};
  else
    outcome.meaning = NoReport{ErrorClass::retry, std::move(failure.reason)};
}

void read(ReplyOutcome& outcome, Unanswered&& failure) {
  outcome.end.outcome = RequestOutcome::unanswered;
  outcome.end.http_status = failure.http_status;
  outcome.end.reason = failure.reason;
  if (is_submit(outcome)) {
    outcome.meaning = NotConfirmed{std::move(failure.reason)};
  } else {
    kdocs_api::Salvaged saved = kdocs_api::salvage(failure.partial_body, failure.http_status);
    outcome.gap = failure.reason;
    read_log(outcome, failure.partial_body, saved.logs);
    outcome.meaning = NoReport{ErrorClass::retry, std::move(failure.reason), std::move(saved.end)};
  }
  outcome.end.body = std::move(failure.partial_body);
}

void refuse_start(ReplyOutcome& outcome, ServiceError&& error) {
  error.sentence = clean(outcome, std::move(error.sentence));
  outcome.end.outcome = RequestOutcome::refused;
  switch (error.error_class) {
  case ErrorClass::unknown_if_ran:
    outcome.end.outcome = RequestOutcome::unknown;
    outcome.meaning = NotConfirmed{error.sentence};
    break;
  case ErrorClass::retry:
  case ErrorClass::token:
  case ErrorClass::blocked:
  case ErrorClass::pause:
  case ErrorClass::later:
    outcome.meaning = PutBack{error.sentence};
    break;
  case ErrorClass::job_fails:
  case ErrorClass::task_gone:
  case ErrorClass::unknown_code:
    outcome.meaning = StartFailed{error.sentence};
    break;
  }
  outcome.refusal = std::move(error);
}

void read_start(ReplyOutcome& outcome, const Answered& reply) {
  std::visit(Overloaded{[&](kdocs_api::Accepted&& accepted) {
                          outcome.end.outcome = RequestOutcome::accepted;
                          outcome.meaning = Started{std::move(accepted.task)};
                        },
                        [&](ServiceError&& error) { refuse_start(outcome, std::move(error)); }},
             kdocs_api::read_submit(reply));
}

void refuse_report(ReplyOutcome& outcome, ServiceError&& error) {
  error.sentence = clean(outcome, std::move(error.sentence));
  outcome.end.outcome = RequestOutcome::refused;
  // A gateway that gave up may have dropped a reply that had taken the lines.
  if (!error.code && error.http_status >= 500)
    outcome.gap = error.sentence;
  outcome.meaning = NoReport{error.error_class, error.sentence};
  outcome.refusal = std::move(error);
}

void take_report(ReplyOutcome& outcome, kdocs_api::StatusReport&& report, std::string_view body) {
  outcome.end.outcome = RequestOutcome::report;
  if (report.left_over)
    outcome.gap = is_left_over;
  else if (report.unread)
    outcome.gap = is_unread;
  read_log(outcome, body, report.logs);
  outcome.meaning = Reported{std::move(report)};
}

void take_damaged(ReplyOutcome& outcome, kdocs_api::Damaged&& damaged, std::string_view body) {
  outcome.end.outcome = RequestOutcome::damaged;
  damaged.reason = clean(outcome, std::move(damaged.reason));
  outcome.gap = damaged.reason;
  read_log(outcome, body, damaged.logs);
  outcome.meaning = NoReport{ErrorClass::retry, std::move(damaged.reason), std::move(damaged.end)};
}

void read_report(ReplyOutcome& outcome, const Answered& reply) {
  std::visit(
      Overloaded{
          [&](kdocs_api::StatusReport&& it) { take_report(outcome, std::move(it), reply.body); },
          [&](ServiceError&& error) { refuse_report(outcome, std::move(error)); },
          [&](kdocs_api::Damaged&& it) { take_damaged(outcome, std::move(it), reply.body); }},
      kdocs_api::read_status(reply));
}

void read(ReplyOutcome& outcome, Answered&& reply) {
  outcome.end.http_status = reply.http_status;
  if (is_submit(outcome))
    read_start(outcome, reply);
  else
    read_report(outcome, reply);
  outcome.end.body = std::move(reply.body);
}

} // namespace

ReplyOutcome judge(InFlight request, Delivery delivery) {
  ReplyOutcome outcome;
  outcome.end.request = std::move(request);
  std::visit([&](auto&& what) { read(outcome, std::forward<decltype(what)>(what)); },
             std::move(delivery));
  clean_content(outcome); // an echoed secret has no place on the disk
  return outcome;
}

void next_piece(ReplyOutcome& outcome) {
  take_piece(outcome, outcome.rest->body, outcome.rest->entries, one_piece);
  if (outcome.rest->entries.empty())
    outcome.rest.reset();
}

void drop_lines(ReplyOutcome& outcome) {
  outcome.lines.clear();
  outcome.rest.reset();
  if (outcome.gap.empty())
    outcome.gap = "the row of the request in in_flight was deleted while its lines were stored";
}

ReplyOutcome judge_lost(InFlight request, const std::string& reason) {
  ReplyOutcome outcome;
  outcome.end.outcome = RequestOutcome::lost;
  outcome.end.reason = (reason.empty() ? "the daemon stopped" : reason) +
                       " before the reply to a request sent at " + to_text(request.intent.sent_at) +
                       " UTC was stored";
  outcome.end.request = std::move(request);
  if (is_submit(outcome)) {
    outcome.meaning = NotConfirmed{outcome.end.reason};
  } else {
    outcome.gap = outcome.end.reason;
    outcome.meaning = NoReport{};
  }
  return outcome;
}

SpilledReply to_spill(const RequestEnd& end) {
  using Kind = SpilledReply::Kind;
  SpilledReply spilled{end.request.intent, Kind::answered, end.http_status, end.body};
  if (!end.sent())
    spilled.kind = Kind::not_sent;
  else if (end.outcome == RequestOutcome::unanswered)
    spilled.kind = Kind::unanswered;
  if (spilled.kind != Kind::answered && spilled.text.empty())
    spilled.text = end.reason;
  return spilled;
}

Delivery from_spill(SpilledReply reply) {
  switch (reply.kind) {
  case SpilledReply::Kind::not_sent:
    return NotSent{std::move(reply.text)};
  case SpilledReply::Kind::unanswered:
    return Unanswered{"the reply was cut off before the daemon stopped", reply.http_status,
                      std::move(reply.text)};
  case SpilledReply::Kind::answered:
    break;
  }
  return Answered{reply.http_status, std::move(reply.text), {}};
}

} // namespace kdq
