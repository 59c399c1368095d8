#include "poller/quota/circuit_breaker.h"

#include "poller/api/kdocs_api.h"
#include "store/base/time.h"

#include <algorithm>
#include <tuple>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// How long an endpoint rests when the service is busy and does not say for how long: doubled as
// long as it goes on. (After a rate limit without a Retry-After nothing is sent for the rest of the
// day.)
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

void CircuitBreaker::configure(const AppSettings& settings, SteadyTime now) {
  const AppSettings before = std::exchange(settings_, settings);
  if (before.requests_per_second != settings.requests_per_second)
    rate_ = TokenBucket(settings.requests_per_second);
  day_.reset();
  // The ledger says again what is spent of another budget.
  if (before.submit_quota != settings.submit_quota)
    state_of(Endpoint::submit).spent_day.clear();
  if (before.status_quota != settings.status_quota)
    state_of(Endpoint::status).spent_day.clear();
  const auto place = [](const AppSettings& app) {
    return std::tie(app.base_url, app.status_path, app.ca_file, app.app_id);
  };
  if (place(before) == place(settings))
    return;
  token_came(now); // what a person had to mend may be mended by that
  for (EndpointState& state : endpoints_)
    state.pause.reset(); // which another one asked for
}

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

void CircuitBreaker::extend(std::optional<BreakerPause>& pause, SteadyTime now, SteadyTime until,
                            const std::string& reason) {
  // Never shortened: what the service asked for is kept in full.
  const SteadyTime earlier = pause ? pause->until : until;
  pause = BreakerPause{now, std::max(earlier, until), reason};
}

bool CircuitBreaker::is_spent(const EndpointState& state, WallTime now) const {
  return !state.spent_day.empty() && state.spent_day == day(now).name;
}

bool CircuitBreaker::on_trial(Endpoint endpoint, SteadyTime now) const {
  const EndpointState& state = state_of(endpoint);
  return (app_pause_ && app_pause_->until <= now) || (state.pause && state.pause->until <= now);
}

SteadyTime CircuitBreaker::blocked_until(Endpoint endpoint, Moment now) const {
  SteadyTime until = now.steady;
  const EndpointState& state = state_of(endpoint);
  if (app_pause_)
    until = std::max(until, app_pause_->until);
  if (state.pause)
    until = std::max(until, state.pause->until);
  if (is_spent(state, now.wall))
    until = std::max(until, to_steady(day(now.wall).ends, now));
  if (until == now.steady && on_trial(endpoint, now.steady) && (trial_planned_ || trial_sent_at_))
    return SteadyTime::max();
  return until;
}

bool CircuitBreaker::take(Endpoint endpoint, SteadyTime now) {
  if (!rate_.take(now))
    return false;
  trial_planned_ = trial_planned_ || on_trial(endpoint, now);
  return true;
}

void CircuitBreaker::sent(Endpoint endpoint, SteadyTime now) {
  if (on_trial(endpoint, now))
    trial_sent_at_ = now;
}

void CircuitBreaker::replied(SteadyTime sent_at) {
  if (trial_sent_at_ && sent_at >= *trial_sent_at_)
    trial_sent_at_.reset();
}

void CircuitBreaker::quota_spent(Endpoint endpoint, WallTime now) {
  state_of(endpoint).spent_day = day(now).name;
}

/// Whether a refusal may still be about the day before: it was paid from that, or the service's day
/// rolls a little later than ours.
bool CircuitBreaker::may_be_yesterdays(const EndpointState& state, const std::string& paid_day,
                                       WallTime now) const {
  const QuotaDay& today = day(now);
  return paid_day != today.name ||
         (state.worked_day != today.name && now - today.begins < late_roll);
}

bool CircuitBreaker::spent_by_others(Endpoint endpoint, const kdocs_api::ServiceError& error,
                                     const std::string& paid_day, WallTime now) const {
  const EndpointState& state = state_of(endpoint);
  return error.error_class == kdocs_api::ErrorClass::pause && !error.retry_after &&
         !(state.pause && state.pause->quota) && !may_be_yesterdays(state, paid_day, now);
}

void CircuitBreaker::quota_refused(EndpointState& state, const std::string& sentence,
                                   const std::string& paid_day, SteadyTime sent_at, Moment now) {
  const bool known = state.pause && state.pause->quota;
  if (known && sent_at <= state.pause->since)
    return; // another one of the same burst
  const bool again = known || may_be_yesterdays(state, paid_day, now.wall);
  const SteadyTime until = again ? now.steady + retry_after_roll : now.steady;
  extend(state.pause, now.steady, until, sentence);
  state.pause->quota = true;
  if (!again)
    state.spent_day = day(now.wall).name;
}

void CircuitBreaker::refused(Endpoint endpoint, const kdocs_api::ServiceError& error,
                             const std::string& token, const std::string& paid_day,
                             SteadyTime sent_at, Moment now) {
  using kdocs_api::ErrorClass;
  EndpointState& state = state_of(endpoint);
  switch (error.error_class) {
  case ErrorClass::pause:
    if (error.retry_after)
      extend(state.pause, now.steady, now.steady + *error.retry_after, asked_to_wait(error, now));
    else
      quota_refused(state, error.sentence, paid_day, sent_at, now);
    break;
  case ErrorClass::later:
    if (error.retry_after) {
      extend(state.pause, now.steady, now.steady + *error.retry_after, asked_to_wait(error, now));
    } else if (!state.pause || sent_at > state.pause->since) { // replies of one burst count once
      extend(state.pause, now.steady,
             now.steady + backoff(first_pause, state.pauses++, longest_pause), error.sentence);
    }
    break;
  case ErrorClass::token:
    refused_token_ = token;
    extend(app_pause_, now.steady, now.steady, error.sentence); // the file may have another already
    break;
  case ErrorClass::blocked:
    extend(app_pause_, now.steady, now.steady + blocked_retry, error.sentence);
    app_pause_->needs_person = true;
    break;
  case ErrorClass::retry:
  case ErrorClass::unknown_if_ran:
    // The service is ill, whichever job it was: do not press it.
    extend(state.pause, now.steady, now.steady + rest_after_failure(failures_++, jitter_),
           error.sentence);
    break;
  case ErrorClass::job_fails:
  case ErrorClass::task_gone:
  case ErrorClass::unknown_code:
    break; // about one job, not about the app
  }
}

void CircuitBreaker::unreachable(const std::string& reason, SteadyTime now) {
  if (app_pause_ && app_pause_->until > now)
    return; // replies of one burst count once
  extend(app_pause_, now, now + rest_after_failure(failures_++, jitter_),
         "no answer from KDocs: " + reason);
}

void CircuitBreaker::worked(Endpoint endpoint, SteadyTime sent_at, WallTime now) {
  state_of(endpoint).worked_day = day(now).name;
  if (app_pause_ && sent_at > app_pause_->since) {
    app_pause_.reset();
    refused_token_.clear();
  }
  EndpointState& state = state_of(endpoint);
  if (state.pause && sent_at > state.pause->since)
    state.pause.reset();
  if (!app_pause_ && !state.pause) {
    failures_ = 0;
    state.pauses = 0;
  }
}

bool CircuitBreaker::accepts_token(const std::string& token) {
  return refused_token_.empty() || token != refused_token_;
}

void CircuitBreaker::no_token(const std::string& sentence, bool needs_person, SteadyTime now) {
  extend(app_pause_, now, now + token_recheck, sentence);
  app_pause_->needs_person = needs_person;
  app_pause_->no_token = true;
}

void CircuitBreaker::token_came(SteadyTime now) {
  if (app_pause_ && (app_pause_->no_token || app_pause_->needs_person))
    app_pause_->until = std::min(app_pause_->until, now);
}

std::vector<AppPause> CircuitBreaker::pauses(Moment now) const {
  std::vector<AppPause> found;
  const auto add = [&](std::optional<Endpoint> endpoint, const std::optional<BreakerPause>& pause,
                       int in_a_row) {
    if (pause)
      found.push_back({endpoint, to_wall(pause->since, now), to_wall(pause->until, now),
                       pause->reason, pause->needs_person, pause->quota, in_a_row});
  };
  add(std::nullopt, app_pause_, failures_);
  for (const Endpoint endpoint : {Endpoint::submit, Endpoint::status})
    add(endpoint, state_of(endpoint).pause, state_of(endpoint).pauses);
  return found;
}

void CircuitBreaker::restore(const std::vector<AppPause>& pauses, Moment now) {
  for (const AppPause& saved : pauses) {
    // A row may say anything, and the clock may have been set since.
    const SteadyTime since = std::min(to_steady(saved.since, now), now.steady);
    const SteadyTime until =
        std::min(to_steady(saved.until, now), now.steady + kdocs_api::longest_retry_after);
    const BreakerPause pause{since, until, saved.reason, saved.needs_person, saved.quota, false};
    if (!saved.endpoint) {
      app_pause_ = pause;
      failures_ = saved.in_a_row;
    } else {
      state_of(*saved.endpoint).pause = pause;
      state_of(*saved.endpoint).pauses = saved.in_a_row;
    }
  }
}

std::optional<Wait> CircuitBreaker::wait(Endpoint endpoint, Moment now) const {
  const auto end_of = [&](const BreakerPause& pause) -> std::optional<WallTime> {
    if (pause.until <= now.steady)
      return std::nullopt;
    return to_wall(pause.until, now);
  };
  if (app_pause_ && (app_pause_->needs_person || app_pause_->no_token))
    return Wait{app_pause_->reason, std::nullopt};
  const EndpointState& state = state_of(endpoint);
  const bool refused_for_today = state.pause && state.pause->quota;
  // What lasts longer is told: nothing may be there today to find out that KDocs answers again.
  if (is_spent(state, now.wall)) {
    const WallTime ends = day(now.wall).ends;
    const std::string reason =
        refused_for_today ? "KDocs lets no more " + plural(endpoint) + " through today, until " +
                                utc_second(ends) +
                                ", although some are left by the count here: others use this "
                                "app (" +
                                state.pause->reason + ")"
                          : "today's " + budget_used_up(endpoint, allowed(endpoint)) + " until " +
                                utc_second(ends);
    return Wait{reason, ends};
  }
  if (app_pause_)
    return Wait{app_pause_->reason, end_of(*app_pause_)};
  if (state.pause && (!refused_for_today || state.pause->until > now.steady))
    return Wait{state.pause->reason, end_of(*state.pause)};
  return std::nullopt;
}

} // namespace kdq
