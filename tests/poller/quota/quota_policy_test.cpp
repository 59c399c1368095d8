#include "poller/quota/quota_policy.h"

#include <doctest/doctest.h>

#include <limits>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

constexpr SteadyTime start{1h};

constexpr int most = 5000; // more than any burst here

int take_all(TokenBucket& bucket, SteadyTime now) {
  int taken = 0;
  while (taken < most && bucket.take(now))
    ++taken;
  return taken;
}

} // namespace

TEST_CASE("a new bucket has a burst of two seconds' worth, at least one") {
  struct Row {
    double per_second;
    int burst;
  };
  for (const Row row : {Row{10, 20}, Row{1, 2}, Row{0.5, 1}, Row{0.01, 1}, Row{1.3, 2}}) {
    CAPTURE(row.per_second);
    TokenBucket bucket(row.per_second);
    CHECK(bucket.ready_at(start) == start);
    CHECK(take_all(bucket, start) == row.burst);
  }
}

TEST_CASE("an empty bucket says when the next request may go, and keeps its word") {
  for (const double per_second : {10.0, 3.0, 7.0, 0.3, 0.001, 999.0}) {
    CAPTURE(per_second);
    TokenBucket bucket(per_second);
    SteadyTime now = start;
    take_all(bucket, now);
    for (int i = 0; i < 200; ++i) {
      const SteadyTime ready = bucket.ready_at(now);
      REQUIRE(ready > now);
      TokenBucket early = bucket;
      REQUIRE_FALSE(early.take(ready - 1ms));
      REQUIRE(early.ready_at(now) == ready); // a refusal changes nothing
      now = ready;
      REQUIRE(bucket.ready_at(now) == now);
      REQUIRE(bucket.take(now));
      if (bucket.ready_at(now) == now)
        take_all(bucket, now); // waits are whole milliseconds, so that more than one may fit
    }
  }
}

TEST_CASE("no span of time sees more than the rate and one burst") {
  TokenBucket bucket(10);
  int taken = 0;
  for (SteadyTime now = start; now < start + 60s; now += 7ms)
    taken += take_all(bucket, now);
  CHECK(taken >= 10 * 60 + 20 - 1);
  CHECK(taken <= 10 * 60 + 20);
}

TEST_CASE("taking whenever it is ready never exceeds the rate by rounding") {
  for (const double per_second : {3.0, 7.0, 300.0}) {
    CAPTURE(per_second);
    TokenBucket bucket(per_second);
    take_all(bucket, start);
    int taken = 0;
    for (SteadyTime now = bucket.ready_at(start); now <= start + 1000s; now = bucket.ready_at(now))
      taken += take_all(bucket, now);
    CHECK(taken <= per_second * 1000 + 1e-3);
    CHECK(taken > per_second * 700); // a wait is rounded up to a whole millisecond
  }
}

TEST_CASE("a long rest fills the bucket up to one burst and no further") {
  TokenBucket bucket(10);
  take_all(bucket, start);
  CHECK(take_all(bucket, start + 1000h) == 20);
}

TEST_CASE("half a rest gives half a burst") {
  TokenBucket bucket(10);
  take_all(bucket, start);
  CHECK(take_all(bucket, start + 1s) == 10);
}

TEST_CASE("a rate of zero, and one that is no number, is no limit") {
  for (const double per_second : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
                                  std::numeric_limits<double>::infinity()}) {
    CAPTURE(per_second);
    TokenBucket bucket(per_second);
    CHECK(take_all(bucket, start) == most);
    CHECK(bucket.ready_at(start) == start);
  }
}

TEST_CASE("a time before the last one neither fills nor drains the bucket") {
  TokenBucket bucket(10);
  take_all(bucket, start);
  const SteadyTime ready = bucket.ready_at(start);
  CHECK_FALSE(bucket.take(start - 30min));
  CHECK(bucket.ready_at(start - 30min) == ready);
  CHECK(bucket.take(ready));

  TokenBucket full(10);
  CHECK(full.take(start));
  CHECK(full.take(start - 30min)); // from what is there
  CHECK(take_all(full, start) == 18);
}

TEST_CASE("what is given back can be taken again, and is no more than the burst") {
  TokenBucket bucket(10);
  bucket.give_back();
  CHECK(take_all(bucket, start) == 20);
  bucket.give_back();
  CHECK(bucket.take(start));
  CHECK_FALSE(bucket.take(start));
}

TEST_CASE("a rate next to nothing waits long without overflow") {
  TokenBucket bucket(1e-300);
  CHECK(bucket.take(start));
  CHECK(bucket.ready_at(start) > start + 24h * 365);
  CHECK_FALSE(bucket.take(start + 24h));
}

TEST_CASE("the backoff doubles with each failure up to its longest") {
  CHECK(backoff(1s, 0, 60s) == 1s);
  CHECK(backoff(1s, 3, 60s) == 8s);
  CHECK(backoff(1s, 6, 60s) == 60s);
  CHECK(backoff(1s, 100'000, 60s) == 60s);
  CHECK(backoff(60s, 10, 1h) == 1h);
  CHECK(backoff(1s, -1, 60s) == 1s);
}
