// May a request be sent now, or when? Pure arithmetic over values.
#pragma once

#include "poller/clock.h"

#include <chrono>
#include <cstdint>
#include <random>

namespace kdq {

/// How long to wait after a failure: `first`, doubled for each earlier failure in a row, at most
/// `longest`.
std::chrono::milliseconds backoff(std::chrono::milliseconds first, int earlier_failures,
                                  std::chrono::milliseconds longest);

/// Full jitter: clients that failed together do not come back together. A wait within (0, bound],
/// evenly spread over the values of `random`.
std::chrono::milliseconds spread(std::chrono::milliseconds bound, std::uint64_t random);

/// The random numbers for it.
class Jitter {
public:
  explicit Jitter(std::uint64_t seed) : random_(seed) {}
  std::uint64_t draw() { return random_(); }
  std::chrono::milliseconds within(std::chrono::milliseconds bound) {
    return spread(bound, draw());
  }

private:
  std::mt19937_64 random_;
};

/// How long an app's requests rest after a failure of the network or of the service: within 1 s,
/// which is doubled for each earlier failure in a row up to 60 s.
std::chrono::milliseconds rest_after_failure(int earlier_failures, Jitter& jitter);

/// Spreads requests over time: at most `per_second` on average, with a burst of twice that.
class TokenBucket {
public:
  /// `per_second` 0: no limit.
  explicit TokenBucket(double per_second);

  /// The first moment at which take() would succeed; `now` itself if it is now.
  SteadyTime ready_at(SteadyTime now) const;
  /// Takes one request's worth; false, and nothing changes, if there is none.
  bool take(SteadyTime now);
  /// What was taken was not used.
  void give_back();

private:
  double per_second_;
  double burst_;
  double level_;
  SteadyTime filled_at_{};
};

} // namespace kdq
