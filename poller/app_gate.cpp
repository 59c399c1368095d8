#include "poller/app_gate.h"

#include <algorithm>

namespace kdq {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds first_backoff = 1s;
constexpr std::chrono::milliseconds longest_backoff = 60s;
// How long an endpoint rests after a rate limit without Retry-After, or when the service is busy:
// doubled as long as it goes on.
constexpr std::chrono::milliseconds first_pause = 60s;
constexpr std::chrono::milliseconds longest_pause = 1h;
// An app that an operator has to unblock is tried again with one request, in case it was done at
// the vendor's side where nothing tells us.
constexpr std::chrono::milliseconds blocked_retry = 10min;
// A missing or refused token is looked at again this often; it costs one stat().
constexpr std::chrono::milliseconds token_recheck = 5s;

/// A wall-clock moment on the monotonic clock, as far as it is known now.
SteadyTime on_steady(WallTime moment, Moment now) {
  return now.steady + (moment - now.wall);
}

} // namespace

AppGate::AppGate(std::string name, const AppSettings& settings)
    : name_(std::move(name)), settings_(settings), rate_(settings.requests_per_second) {}

const QuotaDay& AppGate::day(WallTime now) {
  if (!day_ || now < day_->begins || now >= day_->ends)
    day_ = quota_day(now, settings_.quota_timezone, settings_.quota_reset);
  return *day_;
}

QuotaKey AppGate::quota_key(Endpoint endpoint, WallTime now) {
  return {name_, endpoint, day(now).name};
}

std::int64_t AppGate::allowed(Endpoint endpoint) const {
  return endpoint == Endpoint::submit ? settings_.submit_quota : settings_.status_quota;
}

void AppGate::close(std::optional<Barrier>& barrier, SteadyTime now, SteadyTime until,
                    const std::string& reason) {
  // Never shortened: what the service asked for is kept in full.
  const SteadyTime earlier = barrier ? barrier->until : until;
  barrier = Barrier{now, std::max(earlier, until), reason};
}

bool AppGate::half_open(Endpoint endpoint, SteadyTime now) const {
  const Door& entry = door(endpoint);
  return (closed_ && closed_->until <= now) || (entry.pause && entry.pause->until <= now);
}

SteadyTime AppGate::opens_at(Endpoint endpoint, Moment now) const {
  SteadyTime opens = now.steady;
  const Door& entry = door(endpoint);
  if (closed_)
    opens = std::max(opens, closed_->until);
  if (entry.pause)
    opens = std::max(opens, entry.pause->until);
  if (entry.spent_until)
    opens = std::max(opens, on_steady(*entry.spent_until, now));
  if (opens == now.steady && half_open(endpoint, now.steady) && (probe_planned_ || probe_sent_at_))
    return SteadyTime::max();
  return opens;
}

bool AppGate::take(Endpoint endpoint, SteadyTime now) {
  if (!rate_.take(now))
    return false;
  probe_planned_ = probe_planned_ || half_open(endpoint, now);
  return true;
}

void AppGate::sent(Endpoint endpoint, SteadyTime now) {
  if (half_open(endpoint, now))
    probe_sent_at_ = now;
}

void AppGate::replied(SteadyTime sent_at) {
  if (probe_sent_at_ && sent_at >= *probe_sent_at_)
    probe_sent_at_.reset();
}

void AppGate::quota_spent(Endpoint endpoint, WallTime now) {
  door(endpoint).spent_until = day(now).ends;
}

void AppGate::refused(Endpoint endpoint, const kdocs_api::ServiceError& error,
                      const std::string& token, Moment now) {
  using kdocs_api::Verdict;
  Door& entry = door(endpoint);
  switch (error.verdict) {
  case Verdict::pause:
  case Verdict::later: {
    const std::chrono::milliseconds pause =
        error.retry_after ? std::chrono::milliseconds(*error.retry_after)
                          : backoff(first_pause, entry.pauses++, longest_pause);
    close(entry.pause, now.steady, now.steady + pause, error.sentence);
    break;
  }
  case Verdict::token:
    refused_token_ = token;
    close(closed_, now.steady, now.steady, error.sentence); // the file may have another already
    break;
  case Verdict::blocked:
    close(closed_, now.steady, now.steady + blocked_retry, error.sentence);
    break;
  case Verdict::retry:
  case Verdict::unknown_if_ran:
    // The service is ill, whichever job it was: do not press it.
    close(entry.pause, now.steady,
          now.steady + backoff(first_backoff, failures_++, longest_backoff), error.sentence);
    break;
  case Verdict::job_fails:
  case Verdict::task_gone:
  case Verdict::unknown_code:
    break; // about one job, not about the app
  }
}

void AppGate::unreachable(const std::string& reason, SteadyTime now) {
  if (closed_ && closed_->until > now)
    return; // replies of one burst count once
  close(closed_, now, now + backoff(first_backoff, failures_++, longest_backoff),
        "no answer from KDocs: " + reason);
}

void AppGate::worked(Endpoint endpoint, SteadyTime sent_at) {
  if (closed_ && sent_at > closed_->since) {
    closed_.reset();
    refused_token_.clear();
  }
  Door& entry = door(endpoint);
  if (entry.pause && sent_at > entry.pause->since)
    entry.pause.reset();
  if (!closed_ && !entry.pause) {
    failures_ = 0;
    entry.pauses = 0;
  }
}

bool AppGate::accepts_token(const std::string& token) {
  return refused_token_.empty() || token != refused_token_;
}

void AppGate::no_token(const std::string& sentence, SteadyTime now) {
  close(closed_, now, now + token_recheck, sentence);
}

std::string AppGate::trouble() const {
  if (closed_)
    return "app " + name_ + ": " + closed_->reason;
  for (const Door& entry : doors_)
    if (entry.pause)
      return "app " + name_ + ": " + entry.pause->reason;
  return {};
}

} // namespace kdq
