#include "daemon/system_clock.h"

#include <doctest/doctest.h>

#include <ctime>

using namespace kdq;

TEST_CASE("wall time counts from 1970, in UTC") {
  const SystemClock clock;
  const std::time_t before = std::time(nullptr);
  const auto now = std::chrono::floor<std::chrono::seconds>(clock.wall());
  // time(2) takes the second from the last tick of the kernel's timer: it may be behind by one.
  CHECK(now.time_since_epoch().count() >= before);
  CHECK(now.time_since_epoch().count() <= std::time(nullptr) + 1);
}

TEST_CASE("steady time is the system's monotonic clock, which other processes read as well") {
  const SystemClock clock;
  const auto monotonic = [] {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::seconds(now.tv_sec) +
                                                         std::chrono::nanoseconds(now.tv_nsec));
  };
  const auto before = monotonic();
  const auto now = clock.steady().time_since_epoch();
  CHECK(now >= before);
  CHECK(now <= monotonic());
}
