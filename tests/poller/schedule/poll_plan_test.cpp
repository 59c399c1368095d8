#include "poller/schedule/poll_plan.h"

#include "poller/schedule/price_ladder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>

using namespace kdq;

namespace {

using run_time_grid::buckets;
using run_time_grid::edges;

std::shared_ptr<const RunTimeCurve> curve_of(const std::function<double(double)>& cdf) {
  RunTimeShares shares{};
  double sum = 0;
  for (std::size_t i = 0; i < buckets; ++i)
    sum += shares[i] = cdf(edges()[i + 1]) - cdf(edges()[i]);
  for (double& share : shares)
    share /= sum;
  return std::make_shared<const RunTimeCurve>(shares);
}

auto exponential(double mean) {
  return [mean](double t) { return 1 - std::exp(-t / mean); };
}

auto uniform(double low, double high) {
  return [=](double t) { return std::clamp((t - low) / (high - low), 0.0, 1.0); };
}

} // namespace

TEST_CASE("a memoryless script is asked at the interval that theory gives, at every age") {
  // The best interval d solves e^(d/mean) - 1 - d/mean = price/mean.
  const double mean = 60;
  for (const double price : {1.0, 4.0, 15.0}) {
    double low = 0;
    double high = 1000;
    for (int i = 0; i < 60; ++i) {
      const double d = (low + high) / 2;
      (std::exp(d / mean) - 1 - d / mean < price / mean ? low : high) = d;
    }
    const PollPlan plan(curve_of(exponential(mean)), Seconds(price));
    for (const double age : {30.0, 60.0, 120.0}) {
      CAPTURE(price);
      CAPTURE(age);
      CHECK(plan.gap(Seconds(age)).count() == doctest::Approx(low).epsilon(0.3));
    }
    CHECK(plan.expected_polls(Seconds(0)) ==
          doctest::Approx(1 / (1 - std::exp(-low / mean))).epsilon(0.1));
  }
}

TEST_CASE("a run time known to a few per cent costs little more than one poll") {
  const PollPlan plan(curve_of(uniform(100, 104)), Seconds(10));
  const double first = plan.gap(Seconds(0)).count();
  CHECK(first >= 100);
  CHECK(first < 110);
  CHECK(plan.expected_polls(Seconds(0)) < 1.3);
}

TEST_CASE("the dearer a poll, the fewer are expected") {
  const auto curve = curve_of(exponential(60));
  double before = 1e9;
  for (int rung = 20; rung <= price_ladder::top; rung += 2) {
    const double polls = PollPlan(curve, price_ladder::price(rung)).expected_polls(Seconds(0));
    CAPTURE(rung);
    CHECK(polls <= before * 1.0001);
    CHECK(polls >= 1);
    before = polls;
  }
}

TEST_CASE("gaps stay between the floor and the ceiling") {
  const auto curve = curve_of(exponential(60));
  for (const int rung : {0, 10, 50, price_ladder::top}) {
    const PollPlan plan(curve, price_ladder::price(rung));
    for (const double age : {0.0, 0.3, 5.0, 100.0, 31386.0, 31387.5, 1e6}) {
      CAPTURE(rung);
      CAPTURE(age);
      CHECK(plan.gap(Seconds(age)) >= PollPlan::shortest_gap);
      CHECK(plan.gap(Seconds(age)) <= PollPlan::longest_gap);
    }
  }
}

TEST_CASE("beyond everything known the gap grows with the square root of the age") {
  const PollPlan plan(curve_of(exponential(60)), Seconds(2));
  CHECK(plan.gap(Seconds(90'000)).count() == doctest::Approx(600));
  CHECK(plan.expected_polls(Seconds(90'000)) == 1);
}

TEST_CASE("the plan is the best there is: no other first poll costs less") {
  // By the plan's own reckoning, from the expected polls and waits of all edges.
  const auto curve = curve_of([](double t) { return 1 - std::exp(-std::pow(t / 40, 1.5)); });
  for (const double price : {0.01, 0.3, 5.0, 60.0}) {
    const PollPlan plan(curve, Seconds(price));
    // Cost of following the plan from an age on, simulated poll by poll.
    const auto cost_from = [&](double age) {
      double cost = 0;
      while (age < 400) {
        const double next = age + plan.gap(Seconds(age)).count();
        const std::size_t a = run_time_grid::bucket_of(age);
        const std::size_t b = run_time_grid::bucket_of(next);
        const double alive = curve->survival(age, a);
        cost +=
            alive * (price + next - age) - (curve->remaining(age, a) - curve->remaining(next, b));
        age = next;
      }
      return cost;
    };
    const double planned = cost_from(0);
    for (const double factor : {0.5, 0.8, 1.25, 2.0}) {
      const double first = plan.gap(Seconds(0)).count() * factor;
      const std::size_t b = run_time_grid::bucket_of(first);
      const double other =
          price + first - (curve->remaining(0, 0) - curve->remaining(first, b)) + cost_from(first);
      CAPTURE(price);
      CAPTURE(factor);
      CHECK(planned <= other * 1.01);
    }
  }
}

TEST_CASE("how long a task still runs is told from its age") {
  const PollPlan plan(curve_of(exponential(60)), Seconds(1));
  CHECK(plan.expected_rest(Seconds(0)).count() == doctest::Approx(60).epsilon(0.02));
  CHECK(plan.expected_rest(Seconds(100)).count() == doctest::Approx(60).epsilon(0.02));
}
