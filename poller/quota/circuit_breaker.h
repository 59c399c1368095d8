// What keeps one app from sending just now.
#pragma once

#include "poller/clock.h"
#include "poller/quota/quota_calendar.h"
#include "poller/quota/quota_policy.h"
#include "poller/settings.h"
#include "store/app_pause.h"
#include "store/quota_key.h"
#include "store/wait.h"

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kdq {

namespace kdocs_api {
struct ServiceError;
}

/// A stretch of time in which nothing is sent. When it has passed, one trial request is sent, and
/// nothing else until something has worked.
struct BreakerPause {
  SteadyTime since{};
  SteadyTime until{};
  std::string reason;
  bool needs_person = false;
  bool quota = false;    ///< the service said that the day's requests are used up
  bool no_token = false; ///< ends when there is one
};

/// Pauses, backoff, the token's standing, the rate limit and the quota day of one app. Pure: it is
/// told what happened and asked what may be sent; it neither sends nor stores.
class CircuitBreaker {
public:
  CircuitBreaker(std::string name, const AppSettings& settings, std::uint64_t jitter_seed);

  const std::string& name() const { return name_; }
  const AppSettings& settings() const { return settings_; }

  /// What was learnt of the service stays, unless it is another one now.
  void configure(const AppSettings& settings, SteadyTime now);

  const QuotaDay& day(WallTime now) const;
  /// The day's budget that a request is paid from.
  QuotaKey quota_key(Endpoint endpoint, WallTime now) const;
  std::int64_t allowed(Endpoint endpoint) const;

  /// A new plan begins: what an earlier one took and did not send does not count.
  void begin_plan() { trial_planned_ = false; }
  /// Until when no request may be sent, the rate limit aside: `now` if one may be sent now, the far
  /// future if the reply to the trial request is to be waited for.
  SteadyTime blocked_until(Endpoint endpoint, Moment now) const;
  /// Plans one request; false if the rate limit does not allow it now.
  bool take(Endpoint endpoint, SteadyTime now);
  /// One that was planned was not begun.
  void give_back() { rate_.give_back(); }
  SteadyTime rate_ready_at(SteadyTime now) const { return rate_.ready_at(now); }
  /// The rate alone is in the way of a start: the next request that it allows is not a poll's. Else
  /// what runs would use up the rate, and no start would come.
  void let_start_pass() { start_is_next_ = true; }
  /// Whether polls have to let a start pass: asked where the rate allows a request, and true once.
  bool start_passes() { return std::exchange(start_is_next_, false); }
  /// A planned request was sent.
  void sent(Endpoint endpoint, SteadyTime now);

  /// The ledger has nothing left: no request until the day's roll.
  void quota_spent(Endpoint endpoint, WallTime now);
  /// Whether a refusal says that the day's requests are used up, by others then, because the ledger
  /// had granted this one. Not if the first request of a new day is refused: its roll is elsewhere.
  bool spent_by_others(Endpoint endpoint, const kdocs_api::ServiceError& error,
                       const std::string& paid_day, WallTime now) const;
  /// A reply, or its failure, of a request that was sent then; before what follows.
  void replied(SteadyTime sent_at);
  /// The service refused a request: what the error_class is about gets a pause. `token`: what was
  /// sent; `paid_day`: the quota day it was paid from.
  void refused(Endpoint endpoint, const kdocs_api::ServiceError& error, const std::string& token,
               const std::string& paid_day, SteadyTime sent_at, Moment now);
  /// No connection or no reply came about: both endpoints wait, up to 1 s doubled up to 60 s.
  void unreachable(const std::string& reason, SteadyTime now);
  /// The service answered as it should. Ends the waits that began before the request was sent.
  void worked(Endpoint endpoint, SteadyTime sent_at, WallTime now);
  /// Whether a token may be used: not the one that the service refused.
  bool accepts_token(const std::string& token);
  /// Whether the service refused one, and nothing has worked since.
  bool doubts_token() const { return !refused_token_.empty(); }
  /// There is no usable token: both endpoints wait a moment, then the file is looked at again.
  void no_token(const std::string& sentence, bool needs_person, SteadyTime now);
  /// There is another token: what waited for it, or for a person, is tried with one request.
  void token_came(SteadyTime now);

  /// What keeps it from sending, for the time after a restart; and back.
  std::vector<AppPause> pauses(Moment now) const;
  void restore(const std::vector<AppPause>& pauses, Moment now);

  /// Why one kind of request is not sent now; nothing: nothing is in the way.
  std::optional<Wait> wait(Endpoint endpoint, Moment now) const;
  /// A person has to act before anything can be sent.
  bool needs_person() const { return app_pause_ && app_pause_->needs_person; }

private:
  struct EndpointState {
    std::optional<BreakerPause> pause;
    std::string spent_day;  ///< the quota day of which nothing is left; empty: none
    std::string worked_day; ///< the last quota day on which something was accepted
    int pauses = 0;         ///< in a row, without a hint of the service how long
  };
  static void extend(std::optional<BreakerPause>& pause, SteadyTime now, SteadyTime until,
                     const std::string& reason);
  bool on_trial(Endpoint endpoint, SteadyTime now) const;
  EndpointState& state_of(Endpoint endpoint) {
    return endpoints_[endpoint == Endpoint::submit ? 0 : 1];
  }
  const EndpointState& state_of(Endpoint endpoint) const {
    return endpoints_[endpoint == Endpoint::submit ? 0 : 1];
  }
  bool is_spent(const EndpointState& state, WallTime now) const;
  bool may_be_yesterdays(const EndpointState& state, const std::string& paid_day,
                         WallTime now) const;
  void quota_refused(EndpointState& state, const std::string& sentence, const std::string& paid_day,
                     SteadyTime sent_at, Moment now);

  std::string name_;
  AppSettings settings_;
  TokenBucket rate_;
  bool start_is_next_ = false;
  Jitter jitter_;
  mutable std::optional<QuotaDay> day_; ///< of the last look
  std::array<EndpointState, 2> endpoints_;
  // --- both endpoints together ---
  std::optional<BreakerPause> app_pause_; ///< unreachable, blocked, or without a token
  bool trial_planned_ = false;
  std::optional<SteadyTime> trial_sent_at_;
  int failures_ = 0;          ///< in a row, for the backoff
  std::string refused_token_; ///< never shown
};

} // namespace kdq
