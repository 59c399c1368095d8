// What stands between a policy and the service in a simulation: the ledger, the rate limit, and the
// service's own count.
#pragma once

#include "tests/bench/polling/trace.h"

#include <algorithm>
#include <cstdint>
#include <map>

namespace kdq::bench {

/// The day's status requests. The product's ledger fits behind this as well.
class Ledger {
public:
  virtual ~Ledger() = default;
  /// Grants one request; false, and nothing changes, if the day's are spent.
  virtual bool take(WallTime now) = 0;
  virtual std::int64_t used(WallTime now) const = 0;
};

/// A ledger in memory.
class CountingLedger : public Ledger {
public:
  explicit CountingLedger(std::int64_t allowed) : allowed_(allowed) {}
  bool take(WallTime now) override {
    std::int64_t& used = used_[day_of(now)];
    if (used >= allowed_)
      return false;
    ++used;
    return true;
  }
  std::int64_t used(WallTime now) const override {
    const auto day = used_.find(day_of(now));
    return day == used_.end() ? 0 : day->second;
  }

private:
  std::int64_t allowed_;
  std::map<std::int64_t, std::int64_t> used_;
};

/// GCRA: `per_second` on average, a burst of twice that.
class RateLimit {
public:
  explicit RateLimit(double per_second)
      : spacing_(1 / per_second), tolerance_((2 * per_second - 1) / per_second) {}
  /// The first moment at which a request may be sent.
  WallTime ready_at(WallTime now) const {
    const auto ready = WallTime(std::chrono::ceil<std::chrono::milliseconds>(
        std::chrono::duration<double>(theoretical_ - tolerance_)));
    return std::max(now, ready);
  }
  void take(WallTime now) {
    const double at = std::chrono::duration<double>(now.time_since_epoch()).count();
    theoretical_ = std::max(theoretical_, at) + spacing_;
  }

private:
  double spacing_;
  double tolerance_;
  double theoretical_ = 0; // arrival time of the next request, were they evenly spaced
};

/// The service's side: counts for itself, and refuses what is over the quota.
class Service {
public:
  explicit Service(std::int64_t quota) : quota_(quota) {}
  void request(WallTime now) {
    if (++requests_[day_of(now)] > quota_)
      ++refused_;
  }
  std::int64_t requests(std::int64_t day) const {
    const auto found = requests_.find(day);
    return found == requests_.end() ? 0 : found->second;
  }
  std::int64_t refused() const { return refused_; }

private:
  std::int64_t quota_;
  std::map<std::int64_t, std::int64_t> requests_;
  std::int64_t refused_ = 0;
};

} // namespace kdq::bench
