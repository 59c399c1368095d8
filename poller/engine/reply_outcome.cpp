#include "poller/engine/reply_outcome.h"

#include <algorithm>

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
  return outcome.request.endpoint == Endpoint::submit;
}

/// Removes what the service or the network may have echoed.
std::string clean(const ReplyOutcome& outcome, std::string text) {
  text = kdocs_api::without_secret(std::move(text), outcome.request.token);
  return kdocs_api::without_secret(std::move(text), outcome.request.task.value);
}

void read(ReplyOutcome& outcome, NotSent&& failure) {
  outcome.sent = false;
  outcome.end.outcome = "not_sent";
  if (is_submit(outcome))
    outcome.meaning = PutBack{failure.reason};
  else
    outcome.meaning = NoReport{ErrorClass::retry, failure.reason};
}

void read(ReplyOutcome& outcome, Unanswered&& failure) {
  outcome.end.outcome = "unanswered";
  outcome.end.http_status = failure.http_status;
  if (is_submit(outcome)) {
    outcome.meaning = NotConfirmed{failure.reason};
  } else {
    outcome.lines = kdocs_api::salvage(failure.partial_body);
    outcome.gap = failure.reason;
    outcome.meaning = NoReport{ErrorClass::retry, failure.reason};
  }
  outcome.end.body = std::move(failure.partial_body);
}

void refuse_start(ReplyOutcome& outcome, ServiceError&& error) {
  error.sentence = clean(outcome, std::move(error.sentence));
  outcome.end.outcome = "refused";
  switch (error.error_class) {
  case ErrorClass::unknown_if_ran:
    outcome.end.outcome = "unknown";
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
                          outcome.end.outcome = "accepted";
                          outcome.meaning = Started{std::move(accepted.task)};
                        },
                        [&](ServiceError&& error) { refuse_start(outcome, std::move(error)); }},
             kdocs_api::read_submit(reply));
}

void read_report(ReplyOutcome& outcome, const Answered& reply) {
  std::visit(Overloaded{[&](kdocs_api::StatusReport&& report) {
                          outcome.end.outcome = "report";
                          outcome.lines = std::move(report.logs);
                          outcome.meaning = Reported{std::move(report)};
                        },
                        [&](ServiceError&& error) {
                          error.sentence = clean(outcome, std::move(error.sentence));
                          outcome.end.outcome = "refused";
                          // A gateway that gave up may have dropped a reply that had taken the
                          // lines.
                          if (!error.code && error.http_status >= 500)
                            outcome.gap = error.sentence;
                          outcome.meaning = NoReport{error.error_class, error.sentence};
                          outcome.refusal = std::move(error);
                        },
                        [&](kdocs_api::Damaged&& damaged) {
                          outcome.end.outcome = "damaged";
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
  outcome.request = std::move(request);
  outcome.end.id = outcome.request.id;
  std::visit([&](auto&& what) { read(outcome, std::move(what)); }, std::move(delivery));
  // The raw bytes are archived as received, but an echoed access token has no place on the disk.
  if (!outcome.request.token.empty() &&
      outcome.end.body.find(outcome.request.token) != std::string::npos)
    outcome.end.body =
        kdocs_api::without_secret(std::move(outcome.end.body), outcome.request.token);
  return outcome;
}

WallTime lines_taken_until(const ReplyOutcome& outcome, WallTime now) {
  // A service that has begun to answer has acted; one that was slow, or is behind a gateway that
  // gave up, may yet.
  const bool may_yet_act = outcome.end.outcome == "refused" ||
                           (outcome.end.outcome == "unanswered" && outcome.end.http_status == 0);
  return may_yet_act ? std::max(now, outcome.request.sent_at + longest_request) : now;
}

SpilledReply to_spill(const ReplyOutcome& outcome) {
  using Kind = SpilledReply::Kind;
  const auto reason_of = [](const auto& meaning) -> std::string {
    if constexpr (requires { meaning.reason; })
      return meaning.reason;
    return {};
  };
  SpilledReply spilled{outcome.request.id, Kind::answered, outcome.end.http_status,
                       outcome.end.body};
  if (!outcome.sent)
    spilled.kind = Kind::not_sent;
  else if (outcome.end.outcome == "unanswered")
    spilled.kind = Kind::unanswered;
  if (spilled.kind != Kind::answered && spilled.text.empty())
    spilled.text = std::visit(reason_of, outcome.meaning);
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
