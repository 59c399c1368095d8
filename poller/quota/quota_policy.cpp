#include "poller/quota/quota_policy.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace kdq {
namespace {

using Seconds = std::chrono::duration<double>;

/// Sums of fractions may fall short of 1 by their rounding.
constexpr double whole = 1.0 - 1e-9;

/// Longer than anyone waits, short enough for the clock's type.
constexpr double longest_wait_s = 1e9;

bool is_limited(double per_second) {
  return per_second > 0 && std::isfinite(per_second);
}

} // namespace

std::chrono::milliseconds backoff(std::chrono::milliseconds first, int earlier_failures,
                                  std::chrono::milliseconds longest) {
  constexpr int most_doublings = 10; // beyond every `longest` in use
  return std::min(first * (1 << std::clamp(earlier_failures, 0, most_doublings)), longest);
}

std::chrono::milliseconds spread(std::chrono::milliseconds bound, std::uint64_t random) {
  const auto values = static_cast<std::uint64_t>(std::max<std::int64_t>(1, bound.count()));
  return std::chrono::milliseconds(1 + static_cast<std::int64_t>(random % values));
}

std::chrono::milliseconds rest_after_failure(int earlier_failures, Jitter& jitter) {
  constexpr std::chrono::milliseconds first = std::chrono::seconds(1);
  constexpr std::chrono::milliseconds longest = std::chrono::seconds(60);
  return jitter.within(backoff(first, earlier_failures, longest));
}

TokenBucket::TokenBucket(double per_second)
    : per_second_(per_second), burst_(std::max(1.0, 2 * per_second)), level_(burst_) {}

SteadyTime TokenBucket::ready_at(SteadyTime now) const {
  if (!is_limited(per_second_) || level_ >= whole)
    return now;
  const Seconds wait{std::min((1.0 - level_) / per_second_, longest_wait_s)};
  return std::max(now, filled_at_ + std::chrono::ceil<std::chrono::milliseconds>(wait));
}

bool TokenBucket::take(SteadyTime now) {
  if (!is_limited(per_second_))
    return true;
  if (now < ready_at(now))
    return false;
  if (now > filled_at_) {
    level_ = std::min(burst_, level_ + Seconds(now - filled_at_).count() * per_second_);
    filled_at_ = now;
  }
  level_ = std::max(0.0, level_ - 1.0);
  return true;
}

void TokenBucket::give_back() {
  level_ = std::min(burst_, level_ + 1.0);
}

} // namespace kdq
