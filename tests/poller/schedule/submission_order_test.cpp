#include "poller/schedule/submission_order.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

RunTime exactly(std::chrono::milliseconds time) {
  return {0ms, 1h, time};
}

} // namespace

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
}

TEST_CASE("a cancelled run is not waited for") {
  SubmissionOrder order;
  const SteadyTime start{};
  order.started(start, {1});
  order.started(start + 1s, {2});
  CHECK(order.ended(start + 1s, {2}, exactly(2s)).empty());
  CHECK(order.dropped(start, {1}).size() == 1);
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

TEST_CASE("a run that was given up and is cancelled later teaches nothing") {
  SubmissionOrder order;
  const SteadyTime start{};
  order.started(start, {0});
  std::size_t learnt = 0;
  for (int i = 1; i <= 40; ++i) {
    order.started(start + i * 1s, {i});
    learnt += order.ended(start + i * 1s, {i}, exactly(1s)).size();
  }
  CHECK(learnt == 40);
  CHECK(order.dropped(start, {0}).empty());
  CHECK(order.dropped(start, {0}).empty()); // nothing is left of it
}
