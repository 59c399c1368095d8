// What keeps one app from sending just now.
#pragma once

#include "poller/clock.h"
#include "poller/kdocs_api.h"
#include "poller/quota_calendar.h"
#include "poller/quota_policy.h"
#include "poller/settings.h"
#include "store/quota_ledger.h"

#include <array>
#include <optional>
#include <string>

namespace kdq {

/// Both clocks, read once.
struct Moment {
  WallTime wall;
  SteadyTime steady;
};

/// Pauses, backoff, the token's standing, the rate limit and the quota day of one app. Pure: told
/// what happened, asked what may be sent; it neither sends nor stores.
class AppGate {
public:
  AppGate(std::string name, const AppSettings& settings);

  const std::string& name() const { return name_; }
  const AppSettings& settings() const { return settings_; }

  /// The day's budget that a request is paid from.
  QuotaKey quota_key(Endpoint endpoint, WallTime now);
  std::int64_t allowed(Endpoint endpoint) const;

  /// The first moment at which a request may be sent, the rate limit aside; `now` if it may now.
  SteadyTime opens_at(Endpoint endpoint, Moment now) const;
  /// Takes one request's worth from the rate limit.
  bool take_rate(SteadyTime now) { return rate_.take(now); }
  SteadyTime rate_ready_at(SteadyTime now) const { return rate_.ready_at(now); }

  /// The ledger has nothing left: closed until the day's roll.
  void quota_spent(Endpoint endpoint, WallTime now);
  /// The service refused a request; closes what the verdict is about. `token`: what was sent.
  void refused(Endpoint endpoint, const kdocs_api::ServiceError& error, const std::string& token,
               Moment now);
  /// No connection came about: both endpoints wait, 1 s doubled up to 60 s.
  void unreachable(const std::string& reason, SteadyTime now);
  /// The service answered as it should: waits that a failure began are over.
  void worked(Endpoint endpoint);
  /// Whether a token may be used: not the one that the service refused.
  bool accepts_token(const std::string& token);
  /// There is no usable token: both endpoints wait a moment, then the file is looked at again.
  void no_token(const std::string& sentence, SteadyTime now);

  /// Why the app does not send, as a sentence; empty if nothing is in the way.
  std::string trouble() const;

private:
  struct Door {
    std::optional<SteadyTime> paused_until;
    std::optional<WallTime> spent_until;
    std::string reason;
  };
  Door& door(Endpoint endpoint) { return doors_[endpoint == Endpoint::submit ? 0 : 1]; }
  const Door& door(Endpoint endpoint) const { return doors_[endpoint == Endpoint::submit ? 0 : 1]; }
  const QuotaDay& day(WallTime now);

  std::string name_;
  AppSettings settings_;
  TokenBucket rate_;
  std::optional<QuotaDay> day_;
  std::array<Door, 2> doors_;
  // --- both endpoints together ---
  std::optional<SteadyTime> closed_until_; ///< unreachable, blocked, or without a token
  std::string closed_reason_;
  int failures_ = 0;           ///< in a row, for the backoff
  std::string refused_token_;  ///< never shown
};

} // namespace kdq
