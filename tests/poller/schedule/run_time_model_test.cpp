#include "poller/schedule/run_time_model.h"

#include "poller/schedule/submission_order.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

RunTime exactly(std::chrono::milliseconds time) {
  return {0ms, 1h, time};
}

double mass_between(const RunTimeShares& shares, double low, double high) {
  double sum = 0;
  for (std::size_t i = 0; i < shares.size(); ++i)
    if (run_time_grid::edges()[i] >= low && run_time_grid::edges()[i + 1] <= high)
      sum += shares[i];
  return sum;
}

double total(const RunTimeShares& shares) {
  return std::accumulate(shares.begin(), shares.end(), 0.0);
}

} // namespace

TEST_CASE("every edge of the grid begins its own bucket") {
  for (std::size_t i = 0; i < run_time_grid::buckets; ++i)
    CHECK(run_time_grid::bucket_of(run_time_grid::edges()[i]) == i);
  CHECK(run_time_grid::bucket_of(-1) == 0);
  CHECK(run_time_grid::bucket_of(1e9) == run_time_grid::buckets - 1);
}

TEST_CASE("a script that never ran is expected to do what new scripts do") {
  RunTimePool pool;
  const RunTimeModel unknown;
  CHECK(total(unknown.predict(pool)) == doctest::Approx(1));
  CHECK(mass_between(unknown.predict(pool), 0, 30.5) == doctest::Approx(0.5).epsilon(0.05));
  for (int i = 0; i < 200; ++i) {
    RunTimeModel script;
    script.learn(exactly(100s), pool);
  }
  CHECK(mass_between(unknown.predict(pool), 20, 500) > 0.6);
}

TEST_CASE("a steady run time is known closely after a few runs") {
  RunTimePool pool;
  RunTimeModel model;
  for (int i = 0; i < 12; ++i)
    model.learn(exactly(60s), pool);
  const auto shares = model.predict(pool);
  CHECK(total(shares) == doctest::Approx(1));
  CHECK(mass_between(shares, 50, 72) > 0.8);
  CHECK(*std::min_element(shares.begin(), shares.end()) > 0); // nothing is impossible
}

TEST_CASE("a script that becomes slower is noticed within a few runs") {
  RunTimePool pool;
  RunTimeModel model;
  for (int i = 0; i < 200; ++i)
    model.learn(exactly(20s), pool);
  for (int i = 0; i < 8; ++i)
    model.learn(exactly(60s), pool);
  CHECK(mass_between(model.predict(pool), 45, 80) > 0.5);
}

TEST_CASE("an interval teaches what lies inside it and nothing outside") {
  RunTimePool pool;
  RunTimeModel model;
  for (int i = 0; i < 30; ++i)
    model.learn({10s, 20s, std::nullopt}, pool);
  CHECK(mass_between(model.predict(pool), 9, 22) > 0.7);
}

TEST_CASE("an exact time outside of what the polls saw is moved inside") {
  RunTimePool pool_a;
  RunTimePool pool_b;
  RunTimeModel a;
  RunTimeModel b;
  for (int i = 0; i < 5; ++i) {
    a.learn({10s, 20s, 300s}, pool_a);
    b.learn({10s, 20s, 20s}, pool_b);
  }
  CHECK(a.predict(pool_a) == b.predict(pool_b));
}

TEST_CASE("run times beyond the grid are learnt as its last bucket") {
  RunTimePool pool;
  RunTimeModel model;
  for (int i = 0; i < 5; ++i)
    model.learn({20h, 30h, std::nullopt}, pool);
  CHECK(total(model.predict(pool)) == doctest::Approx(1));
  CHECK(model.predict(pool).back() > 0.2);
}

TEST_CASE("runs are learnt in the order of their starts") {
  SubmissionOrder order;
  const SteadyTime start{};
  order.started(start, {1});
  order.started(start + 1s, {2});
  order.started(start + 2s, {3});
  CHECK(order.ended(start + 2s, {3}, exactly(3s)).empty());
  CHECK(order.ended(start + 1s, {2}, exactly(2s)).empty());
  const auto runs = order.ended(start, {1}, exactly(1s));
  REQUIRE(runs.size() == 3);
  for (std::size_t i = 0; i < runs.size(); ++i)
    CHECK(*runs[i].exact == std::chrono::seconds(i + 1));
  CHECK(order.empty());
}

TEST_CASE("a cancelled run is not waited for") {
  SubmissionOrder order;
  const SteadyTime start{};
  order.started(start, {1});
  order.started(start + 1s, {2});
  CHECK(order.ended(start + 1s, {2}, exactly(2s)).empty());
  CHECK(order.dropped(start, {1}).size() == 1);
  CHECK(order.empty());
}

TEST_CASE("a run that lasts much longer than others is waited for no longer") {
  SubmissionOrder order;
  const SteadyTime start{};
  order.started(start, {0});
  std::size_t learnt = 0;
  for (int i = 1; i <= 100; ++i) {
    order.started(start + i * 1s, {i});
    learnt += order.ended(start + i * 1s, {i}, exactly(1s)).size();
  }
  CHECK(learnt == 100); // 33 at once, then each as it ends
  CHECK(order.ended(start, {0}, exactly(200s)).size() == 1);
}
