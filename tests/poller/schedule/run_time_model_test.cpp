#include "poller/schedule/run_time_model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <vector>

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

TEST_CASE("a script that never ran is expected to do what new scripts do") {
  RunTimePool pool;
  const RunTimeModel unknown;
  CHECK(total(unknown.predict(pool)) == doctest::Approx(1));
  CHECK(mass_between(unknown.predict(pool), 0, 0.07) > 0.15);
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

TEST_CASE("when histograms replace the first runs nothing jumps") {
  RunTimePool pool;
  RunTimeModel model;
  std::vector<double> near;
  for (int runs = 1; runs <= 8; ++runs) {
    model.learn(exactly(60s), pool);
    near.push_back(mass_between(model.predict(pool), 50, 72));
  }
  for (std::size_t i = 2; i < near.size(); ++i) { // what is known only becomes surer
    CAPTURE(i);
    CHECK(near[i] >= near[i - 1]);
    CHECK(near[i] - near[i - 1] < 0.1);
  }
}

TEST_CASE("a script that ran once takes little memory") {
  CHECK(sizeof(RunTimeModel) < 160);
}
