#include "poller/engine/replies/reply_outcome.h"

#include "store/base/time.h"
#include "store/base/utf8.h"
#include "store/spill_file.h"

#include <utility>

namespace kdq {
namespace {

using kdocs_api::ErrorClass;
using kdocs_api::ServiceError;

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

void clean_content(ReplyOutcome& outcome) {
  const InFlight& request = outcome.end.request;
  for (LogLine& line : outcome.lines) {
    for (std::string* text :
         {&line.level, &line.filename, &line.timestamp, &line.args, &line.message})
      clean_content(request, *text);
    // For people; args has it as received.
    for (std::string* text : {&line.level, &line.filename, &line.timestamp, &line.message})
      *text = visible(std::move(*text));
  }
  if (auto* reported = std::get_if<Reported>(&outcome.meaning)) {
    for (std::string* text :
         {&reported->report.status, &reported->report.error, &reported->report.result})
      clean_content(request, *text);
    for (std::string* text : {&reported->report.status, &reported->report.error})
      *text = visible(std::move(*text));
  }
  // It may be cut off inside of the token. Of a start it keeps the task id: it may be all that is
  // left of it.
  std::string& body = outcome.end.body;
  body = kdocs_api::without_secret(std::move(body), request.token);
  body =
      kdocs_api::without_secret(std::move(body), request.task.value, kdocs_api::SecretPart::whole);
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
    outcome.lines = kdocs_api::salvage(failure.partial_body);
    outcome.gap = failure.reason;
    outcome.meaning = NoReport{ErrorClass::retry, std::move(failure.reason)};
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

void read_report(ReplyOutcome& outcome, const Answered& reply) {
  std::visit(Overloaded{[&](kdocs_api::StatusReport&& report) {
                          outcome.end.outcome = RequestOutcome::report;
                          outcome.lines = std::move(report.logs);
                          if (report.left_over)
                            outcome.gap = "the reply has something like log lines or a result "
                                          "where none is known: see requests.body";
                          outcome.meaning = Reported{std::move(report)};
                        },
                        [&](ServiceError&& error) { refuse_report(outcome, std::move(error)); },
                        [&](kdocs_api::Damaged&& damaged) {
                          outcome.end.outcome = RequestOutcome::damaged;
                          outcome.lines = std::move(damaged.logs);
                          damaged.reason = clean(outcome, std::move(damaged.reason));
                          outcome.gap = damaged.reason;
                          outcome.meaning = NoReport{ErrorClass::retry, std::move(damaged.reason)};
                        }},
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

ReplyOutcome judge_lost(InFlight request) {
  ReplyOutcome outcome;
  outcome.end.outcome = RequestOutcome::lost;
  outcome.end.reason = "the daemon stopped before the reply to a request sent at " +
                       to_text(request.intent.sent_at) + " UTC was stored";
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
