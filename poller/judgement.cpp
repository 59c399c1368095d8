#include "poller/judgement.h"

#include <algorithm>

namespace kdq {
namespace {

using kdocs_api::ServiceError;
using kdocs_api::Verdict;

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>; // clang 14 needs to be told

bool is_submit(const Judgement& judgement) {
  return judgement.request.endpoint == Endpoint::submit;
}

/// Removes what the service or the network may have echoed.
std::string clean(const Judgement& judgement, std::string text) {
  text = kdocs_api::without_secret(std::move(text), judgement.request.token);
  return kdocs_api::without_secret(std::move(text), judgement.request.task.value);
}

void read(Judgement& judgement, NotSent&& failure) {
  judgement.sent = false;
  judgement.end.outcome = "not_sent";
  if (is_submit(judgement))
    judgement.meaning = PutBack{failure.reason};
  else
    judgement.meaning = NoReport{Verdict::retry, failure.reason};
}

void read(Judgement& judgement, Unanswered&& failure) {
  judgement.end.outcome = "unanswered";
  judgement.end.http_status = failure.http_status;
  if (is_submit(judgement)) {
    judgement.meaning = NotConfirmed{failure.reason};
  } else {
    judgement.lines = kdocs_api::salvage(failure.partial_body);
    judgement.gap = failure.reason;
    judgement.meaning = NoReport{Verdict::retry, failure.reason};
  }
  judgement.end.body = std::move(failure.partial_body);
}

void refuse_start(Judgement& judgement, ServiceError&& error) {
  error.sentence = clean(judgement, std::move(error.sentence));
  judgement.end.outcome = "refused";
  switch (error.verdict) {
  case Verdict::unknown_if_ran:
    judgement.end.outcome = "unknown";
    judgement.meaning = NotConfirmed{error.sentence};
    break;
  case Verdict::retry:
  case Verdict::token:
  case Verdict::blocked:
  case Verdict::pause:
  case Verdict::later:
    judgement.meaning = PutBack{error.sentence};
    break;
  case Verdict::job_fails:
  case Verdict::task_gone:
  case Verdict::unknown_code:
    judgement.meaning = StartFailed{error.sentence};
    break;
  }
  judgement.refusal = std::move(error);
}

void read_start(Judgement& judgement, const Answered& reply) {
  std::visit(Overloaded{[&](kdocs_api::Accepted&& accepted) {
                          judgement.end.outcome = "accepted";
                          judgement.meaning = Started{std::move(accepted.task)};
                        },
                        [&](ServiceError&& error) { refuse_start(judgement, std::move(error)); }},
             kdocs_api::read_submit(reply));
}

void read_report(Judgement& judgement, const Answered& reply) {
  std::visit(Overloaded{[&](kdocs_api::StatusReport&& report) {
                          judgement.end.outcome = "report";
                          judgement.lines = std::move(report.logs);
                          judgement.meaning = Reported{std::move(report)};
                        },
                        [&](ServiceError&& error) {
                          error.sentence = clean(judgement, std::move(error.sentence));
                          judgement.end.outcome = "refused";
                          // A gateway that gave up may have dropped a reply that had taken the
                          // lines.
                          if (!error.code && error.http_status >= 500)
                            judgement.gap = error.sentence;
                          judgement.meaning = NoReport{error.verdict, error.sentence};
                          judgement.refusal = std::move(error);
                        },
                        [&](kdocs_api::Damaged&& damaged) {
                          judgement.end.outcome = "damaged";
                          judgement.lines = std::move(damaged.logs);
                          damaged.reason = clean(judgement, std::move(damaged.reason));
                          judgement.gap = damaged.reason;
                          judgement.meaning = NoReport{Verdict::retry, std::move(damaged.reason)};
                        }},
             kdocs_api::read_status(reply));
}

void read(Judgement& judgement, Answered&& reply) {
  judgement.end.http_status = reply.http_status;
  if (is_submit(judgement))
    read_start(judgement, reply);
  else
    read_report(judgement, reply);
  judgement.end.body = std::move(reply.body);
}

} // namespace

Judgement judge(InFlight request, Delivery delivery) {
  Judgement judgement;
  judgement.request = std::move(request);
  judgement.end.id = judgement.request.id;
  std::visit([&](auto&& what) { read(judgement, std::move(what)); }, std::move(delivery));
  // The raw bytes are archived as received, but an echoed access token has no place on the disk.
  if (!judgement.request.token.empty() &&
      judgement.end.body.find(judgement.request.token) != std::string::npos)
    judgement.end.body =
        kdocs_api::without_secret(std::move(judgement.end.body), judgement.request.token);
  return judgement;
}

WallTime lines_taken_until(const Judgement& judgement, WallTime now) {
  // A service that has begun to answer has acted; one that was slow, or is behind a gateway that
  // gave up, may yet.
  const bool may_yet_act =
      judgement.end.outcome == "refused" ||
      (judgement.end.outcome == "unanswered" && judgement.end.http_status == 0);
  return may_yet_act ? std::max(now, judgement.request.sent_at + longest_request) : now;
}

SpilledReply to_spill(const Judgement& judgement) {
  using Kind = SpilledReply::Kind;
  const auto reason_of = [](const auto& meaning) -> std::string {
    if constexpr (requires { meaning.reason; })
      return meaning.reason;
    return {};
  };
  SpilledReply spilled{judgement.request.id, Kind::answered, judgement.end.http_status,
                       judgement.end.body};
  if (!judgement.sent)
    spilled.kind = Kind::not_sent;
  else if (judgement.end.outcome == "unanswered")
    spilled.kind = Kind::unanswered;
  if (spilled.kind != Kind::answered && spilled.text.empty())
    spilled.text = std::visit(reason_of, judgement.meaning);
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
