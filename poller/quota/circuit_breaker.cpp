#include "poller/quota/circuit_breaker.h"

#include "store/base/time.h"

#include <algorithm>

namespace kdq {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds first_backoff = 1s;
constexpr std::chrono::milliseconds longest_backoff = 60s;
// How long an endpoint rests when the service is busy and does not say for how long: doubled as
// long as it goes on. (A rate limit without a Retry-After closes the rest of the day.)
constexpr std::chrono::milliseconds first_pause = 60s;
constexpr std::chrono::milliseconds longest_pause = 1h;
// An app that an operator has to unblock is tried again with one request, in case it was done at
// the vendor's side where nothing tells us.
constexpr std::chrono::milliseconds blocked_retry = 10min;
// A missing or refused token is looked at again this often; it costs one stat().
constexpr std::chrono::milliseconds token_recheck = 5s;

// Refused on a new day as well: the service's day rolls at another time than the setting says.
constexpr std::chrono::milliseconds retry_after_roll = 10min;
// So long after our roll, and before anything was accepted, a refusal may be about the day before.
constexpr std::chrono::milliseconds late_roll = 1h;

/// A wall-clock moment on the monotonic clock, as far as it is known now.
SteadyTime on_steady(WallTime moment, Moment now) {
  return now.steady + (moment - now.wall);
}

std::string plural(Endpoint endpoint) {
  return endpoint == Endpoint::submit ? "starts" : "status requests";
}

/// `500 starts are used up`
std::string budget_used_up(Endpoint endpoint, std::int64_t allowed) {
  if (allowed == 1)
    return endpoint == Endpoint::submit ? "one start is used up" : "one status request is used up";
  return std::to_string(allowed) + " " + plural(endpoint) + " are used up";
}

std::string asked_to_wait(const kdocs_api::ServiceError& error, Moment now) {
  return error.sentence + "; it asked to wait until " + utc_second(now.wall + *error.retry_after);
}

} // namespace

CircuitBreaker::CircuitBreaker(std::string name, const AppSettings& settings,
                               std::uint64_t jitter_seed)
    : name_(std::move(name)), settings_(settings), rate_(settings.requests_per_second),
      jitter_(jitter_seed) {}

const QuotaDay& CircuitBreaker::day(WallTime now) const {
  if (!day_ || now < day_->begins || now >= day_->ends)
    day_ = quota_day(now, settings_.quota_timezone, settings_.quota_reset);
  return *day_;
}

QuotaKey CircuitBreaker::quota_key(Endpoint endpoint, WallTime now) const {
  return {name_, endpoint, day(now).name};
}

std::int64_t CircuitBreaker::allowed(Endpoint endpoint) const {
  return endpoint == Endpoint::submit ? settings_.submit_quota : settings_.status_quota;
}

void CircuitBreaker::close(std::optional<Barrier>& barrier, SteadyTime now, SteadyTime until,
                           const std::string& reason) {
  // Never shortened: what the service asked for is kept in full.
  const SteadyTime earlier = barrier ? barrier->until : until;
  barrier = Barrier{now, std::max(earlier, until), reason, false, false};
}

bool CircuitBreaker::is_spent(const Door& entry, WallTime now) const {
  return !entry.spent_day.empty() && entry.spent_day == day(now).name;
}

bool CircuitBreaker::half_open(Endpoint endpoint, SteadyTime now) const {
  const Door& entry = door(endpoint);
  return (closed_ && closed_->until <= now) || (entry.pause && entry.pause->until <= now);
}

SteadyTime CircuitBreaker::opens_at(Endpoint endpoint, Moment now) const {
  SteadyTime opens = now.steady;
  const Door& entry = door(endpoint);
  if (closed_)
    opens = std::max(opens, closed_->until);
  if (entry.pause)
    opens = std::max(opens, entry.pause->until);
  if (is_spent(entry, now.wall))
    opens = std::max(opens, on_steady(day(now.wall).ends, now));
  if (opens == now.steady && half_open(endpoint, now.steady) && (probe_planned_ || probe_sent_at_))
    return SteadyTime::max();
  return opens;
}

bool CircuitBreaker::take(Endpoint endpoint, SteadyTime now) {
  if (!rate_.take(now))
    return false;
  probe_planned_ = probe_planned_ || half_open(endpoint, now);
  return true;
}

void CircuitBreaker::sent(Endpoint endpoint, SteadyTime now) {
  if (half_open(endpoint, now))
    probe_sent_at_ = now;
}

void CircuitBreaker::replied(SteadyTime sent_at) {
  if (probe_sent_at_ && sent_at >= *probe_sent_at_)
    probe_sent_at_.reset();
}

void CircuitBreaker::quota_spent(Endpoint endpoint, WallTime now) {
  door(endpoint).spent_day = day(now).name;
}

/// Whether a refusal may still be about the day before: it was paid from that, or the service's day
/// rolls a little later than ours.
bool CircuitBreaker::may_be_yesterdays(const Door& entry, const std::string& paid_day,
                                       WallTime now) const {
  const QuotaDay& today = day(now);
  return paid_day != today.name ||
         (entry.worked_day != today.name && now - today.begins < late_roll);
}

bool CircuitBreaker::spent_by_others(Endpoint endpoint, const kdocs_api::ServiceError& error,
                                     const std::string& paid_day, WallTime now) const {
  const Door& entry = door(endpoint);
  return error.error_class == kdocs_api::ErrorClass::pause && !error.retry_after &&
         !(entry.pause && entry.pause->quota) && !may_be_yesterdays(entry, paid_day, now);
}

void CircuitBreaker::quota_refused(Door& entry, const std::string& sentence,
                                   const std::string& paid_day, SteadyTime sent_at, Moment now) {
  const bool known = entry.pause && entry.pause->quota;
  if (known && sent_at <= entry.pause->since)
    return; // another one of the same burst
  const bool again = known || may_be_yesterdays(entry, paid_day, now.wall);
  const SteadyTime until = again ? now.steady + retry_after_roll : now.steady;
  close(entry.pause, now.steady, until, sentence);
  entry.pause->quota = true;
  if (!again)
    entry.spent_day = day(now.wall).name;
}

void CircuitBreaker::refused(Endpoint endpoint, const kdocs_api::ServiceError& error,
                             const std::string& token, const std::string& paid_day,
                             SteadyTime sent_at, Moment now) {
  using kdocs_api::ErrorClass;
  Door& entry = door(endpoint);
  switch (error.error_class) {
  case ErrorClass::pause:
    if (error.retry_after)
      close(entry.pause, now.steady, now.steady + *error.retry_after, asked_to_wait(error, now));
    else
      quota_refused(entry, error.sentence, paid_day, sent_at, now);
    break;
  case ErrorClass::later:
    if (error.retry_after) {
      close(entry.pause, now.steady, now.steady + *error.retry_after, asked_to_wait(error, now));
    } else if (!entry.pause || sent_at > entry.pause->since) { // replies of one burst count once
      close(entry.pause, now.steady,
            now.steady + backoff(first_pause, entry.pauses++, longest_pause), error.sentence);
    }
    break;
  case ErrorClass::token:
    refused_token_ = token;
    close(closed_, now.steady, now.steady, error.sentence); // the file may have another already
    break;
  case ErrorClass::blocked:
    close(closed_, now.steady, now.steady + blocked_retry, error.sentence);
    closed_->needs_person = true;
    break;
  case ErrorClass::retry:
  case ErrorClass::unknown_if_ran:
    // The service is ill, whichever job it was: do not press it.
    close(entry.pause, now.steady,
          now.steady + jitter_.within(backoff(first_backoff, failures_++, longest_backoff)),
          error.sentence);
    break;
  case ErrorClass::job_fails:
  case ErrorClass::task_gone:
  case ErrorClass::unknown_code:
    break; // about one job, not about the app
  }
}

void CircuitBreaker::unreachable(const std::string& reason, SteadyTime now) {
  if (closed_ && closed_->until > now)
    return; // replies of one burst count once
  close(closed_, now, now + jitter_.within(backoff(first_backoff, failures_++, longest_backoff)),
        "no answer from KDocs: " + reason);
}

void CircuitBreaker::worked(Endpoint endpoint, SteadyTime sent_at, WallTime now) {
  door(endpoint).worked_day = day(now).name;
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

bool CircuitBreaker::accepts_token(const std::string& token) {
  return refused_token_.empty() || token != refused_token_;
}

void CircuitBreaker::no_token(const std::string& sentence, SteadyTime now) {
  close(closed_, now, now + token_recheck, sentence);
  closed_->needs_person = true;
}

std::optional<Hold> CircuitBreaker::hold(Endpoint endpoint, Moment now) const {
  const auto end_of = [&](const Barrier& barrier) -> std::optional<WallTime> {
    if (barrier.until <= now.steady)
      return std::nullopt;
    return now.wall + (barrier.until - now.steady);
  };
  if (closed_ && closed_->needs_person)
    return Hold{closed_->reason, std::nullopt};
  const Door& entry = door(endpoint);
  const bool refused_for_today = entry.pause && entry.pause->quota;
  // What lasts longer is told: nothing may be there today to find out that KDocs answers again.
  if (is_spent(entry, now.wall)) {
    const WallTime ends = day(now.wall).ends;
    const std::string reason =
        refused_for_today ? "KDocs lets no more " + plural(endpoint) + " through today, until " +
                                utc_second(ends) +
                                ", although some are left by the count here: others use this "
                                "app (" +
                                entry.pause->reason + ")"
                          : "today's " + budget_used_up(endpoint, allowed(endpoint)) + " until " +
                                utc_second(ends);
    return Hold{reason, ends};
  }
  if (closed_)
    return Hold{closed_->reason, end_of(*closed_)};
  if (entry.pause && (!refused_for_today || entry.pause->until > now.steady))
    return Hold{entry.pause->reason, end_of(*entry.pause)};
  return std::nullopt;
}

} // namespace kdq
