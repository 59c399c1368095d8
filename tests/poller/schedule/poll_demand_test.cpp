#include "poller/schedule/poll_demand.h"

#include "poller/schedule/price_ladder.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

const int cheap = price_ladder::rung_below(Seconds(0.1));
const int dear = price_ladder::rung_below(Seconds(30));

/// A script that has run a few times, in use.
ScriptRecord& script_of(ScriptBook& book, const std::string& name, std::chrono::milliseconds runs) {
  ScriptRecord& script = book.acquire(TaskKeys{name, ""});
  for (int i = 0; i < 5; ++i) {
    book.started(script, SteadyTime{}, {i});
    book.ended(script, SteadyTime{}, {i}, {0ms, runs, runs});
  }
  return script;
}

} // namespace

TEST_CASE("open tasks need what their plans say at their ages") {
  ScriptBook book(100);
  const RecentSubmissions recent;
  ScriptRecord& known = script_of(book, "known", 60s);
  known.waiting.add(0, 2);
  ScriptRecord& unknown = book.acquire(TaskKeys{"unknown", ""});
  unknown.waiting.add(age_cells::cell_of(Seconds(30)));
  PollDemand demand(book, recent);
  CHECK(demand.open_tasks() == 3);
  const Seconds age = age_cells::age_of(age_cells::cell_of(Seconds(30)));
  CHECK(demand.of_open(cheap) ==
        doctest::Approx(2 * book.plan(known, cheap).expected_polls(Seconds(0)) +
                        book.plan_of_unknown(cheap).expected_polls(age)));
  CHECK(demand.of_open(dear) < demand.of_open(cheap));
  CHECK(demand.per_second_of_open(dear) < demand.per_second_of_open(cheap));
}

TEST_CASE("without open tasks nothing is needed for them") {
  ScriptBook book(100);
  const RecentSubmissions recent;
  PollDemand demand(book, recent);
  CHECK(demand.open_tasks() == 0);
  CHECK(demand.of_open(cheap) == 0);
  CHECK(demand.per_second_of_open(cheap) == 0);
  CHECK(demand.of_arrival(cheap) ==
        doctest::Approx(book.plan_of_unknown(cheap).expected_polls(Seconds(0))));
}

TEST_CASE("tasks to come are like the last ones, and some are unknown") {
  ScriptBook book(100);
  RecentSubmissions recent;
  ScriptRecord& known = script_of(book, "known", 60s);
  for (int i = 0; i < 15; ++i)
    recent.add(book, known);
  PollDemand demand(book, recent);
  const double of_known = book.plan(known, dear).expected_polls(Seconds(0));
  const double of_unknown = book.plan_of_unknown(dear).expected_polls(Seconds(0));
  CHECK(demand.of_arrival(dear) == doctest::Approx((15 * of_known + 5 * of_unknown) / 20));
}

TEST_CASE("of very many scripts a part stands for all") {
  ScriptBook book(10'000);
  const RecentSubmissions recent;
  double polls = 0;
  for (int i = 0; i < 2'000; ++i) {
    ScriptRecord& script = script_of(book, std::to_string(i), (20 + i % 7) * 1s);
    script.waiting.add(0);
    polls += book.plan(script, dear).expected_polls(Seconds(0));
  }
  PollDemand demand(book, recent);
  CHECK(demand.open_tasks() == 2'000);
  CHECK(demand.of_open(dear) == doctest::Approx(polls).epsilon(0.05));
}
