// The service's side of a simulation.
#pragma once

#include "tests/bench/polling/trace.h"

#include <cstdint>
#include <map>

namespace kdq::bench {

/// Counts status requests for itself, and refuses what is over the day's quota.
class Service {
public:
  explicit Service(std::int64_t quota) : quota_(quota) {}

  bool has_left(WallTime now) const { return requests(day_of(now)) < quota_; }
  /// A request arrives; false: refused, which spends nothing.
  bool request(WallTime now) {
    if (!has_left(now)) {
      ++refused_;
      return false;
    }
    ++requests_[day_of(now)];
    return true;
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
