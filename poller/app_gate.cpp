#include "poller/app_gate.h"

#include <algorithm>

namespace kdq {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds first_backoff = 1s;
constexpr std::chrono::milliseconds longest_backoff = 60s;
// How long an endpoint rests after a rate limit without Retry-After, or when the service is busy.
constexpr std::chrono::milliseconds pause_without_hint = 60s;
// An app that an operator has to unblock is tried again with one request, in case it was done at the
// vendor's side where nothing tells us.
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

SteadyTime AppGate::opens_at(Endpoint endpoint, Moment now) const {
  SteadyTime opens = now.steady;
  const Door& entry = door(endpoint);
  if (closed_until_)
    opens = std::max(opens, *closed_until_);
  if (entry.paused_until)
    opens = std::max(opens, *entry.paused_until);
  if (entry.spent_until)
    opens = std::max(opens, on_steady(*entry.spent_until, now));
  return opens;
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
  case Verdict::later:
    entry.paused_until =
        now.steady + (error.retry_after ? std::chrono::milliseconds(*error.retry_after)
                                        : pause_without_hint);
    entry.reason = error.sentence;
    break;
  case Verdict::token:
    refused_token_ = token;
    closed_until_ = now.steady; // another token may be in the file already
    closed_reason_ = error.sentence;
    break;
  case Verdict::blocked:
    closed_until_ = now.steady + blocked_retry;
    closed_reason_ = error.sentence;
    break;
  case Verdict::retry:
    // The service is ill, whichever job it was: do not press it.
    ++failures_;
    entry.paused_until = now.steady + std::min(first_backoff * (1 << std::min(failures_ - 1, 6)),
                                               longest_backoff);
    entry.reason = error.sentence;
    break;
  case Verdict::job_fails:
  case Verdict::unknown_if_ran:
  case Verdict::task_gone:
  case Verdict::unknown_code:
    break; // about one job, not about the app
  }
}

void AppGate::unreachable(const std::string& reason, SteadyTime now) {
  if (closed_until_ && *closed_until_ > now)
    return; // replies of one burst count once
  ++failures_;
  closed_until_ =
      now + std::min(first_backoff * (1 << std::min(failures_ - 1, 6)), longest_backoff);
  closed_reason_ = "cannot reach KDocs: " + reason;
}

void AppGate::worked(Endpoint endpoint) {
  failures_ = 0;
  closed_until_.reset();
  closed_reason_.clear();
  refused_token_.clear();
  door(endpoint).paused_until.reset();
  door(endpoint).reason.clear();
}

bool AppGate::accepts_token(const std::string& token) {
  return refused_token_.empty() || token != refused_token_;
}

void AppGate::no_token(const std::string& sentence, SteadyTime now) {
  closed_until_ = now + token_recheck;
  closed_reason_ = sentence;
}

std::string AppGate::trouble() const {
  if (closed_until_)
    return "app " + name_ + ": " + closed_reason_;
  for (const Door& entry : doors_)
    if (entry.paused_until)
      return "app " + name_ + ": " + entry.reason;
  return {};
}

} // namespace kdq
