#include "poller/schedule/poll_budget.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

const SteadyTime start{};

DayBudget day_of(std::int64_t allowed, std::int64_t used = 0, SteadyTime begins = start) {
  DayBudget day;
  day.status_allowed = allowed;
  day.status_used = used;
  day.day_begins = begins;
  day.day_ends = begins + 24h;
  return day;
}

/// One app with open tasks of scripts that have not run yet.
struct App {
  ScriptBook book{100};
  RecentSubmissions recent;
  PollBudget budget{30s};

  explicit App(int tasks) {
    for (int i = 0; i < tasks; ++i)
      book.acquire(TaskKeys{"script " + std::to_string(i), ""}).waiting.add(0);
  }
  bool fit(SteadyTime now, const DayBudget& day, double starts = 100) {
    return budget.fit(now, day, {starts, 0}, PollDemand(book, recent));
  }
};

} // namespace

TEST_CASE("the less is left for the same work, the dearer is a poll") {
  Seconds before(0);
  for (const std::int64_t used : {0, 5'000, 9'000, 9'700}) {
    App app(1);
    app.fit(start, day_of(10'000, used));
    CAPTURE(used);
    CHECK(app.budget.price() > before);
    before = app.budget.price();
  }
}

TEST_CASE("the price is the lowest of the ladder at which all can be paid") {
  App app(3);
  const DayBudget day = day_of(2'000);
  app.fit(start, day);
  const int rung = app.budget.rung();
  PollDemand demand(app.book, app.recent);
  const auto polls = [&](int at) { return 100 * demand.of_arrival(at) + demand.of_open(at); };
  CHECK(polls(rung) <= 2'000);
  CHECK(polls(rung - 1) > 0.98 * 2'000);
}

TEST_CASE("within a day the price rises at once and falls in small steps, at the roll at once") {
  App app(1);
  CHECK(app.fit(start, day_of(10'000)));
  const Seconds plenty = app.budget.price();
  CHECK_FALSE(app.fit(start + 30s, day_of(10'000, 9'700))); // nothing is due earlier
  const Seconds scarce = app.budget.price();
  CHECK(scarce > plenty * 4);
  CHECK(app.fit(start + 60s, day_of(10'000)));
  CHECK(app.budget.price() < scarce);
  CHECK(app.budget.price() >= scarce / 1.42); // two rungs
  const Seconds falling = app.budget.price();
  app.fit(start + 61s, day_of(10'000));
  CHECK(app.budget.price() == falling);
  CHECK(app.fit(start + 24h, day_of(10'000, 0, start + 24h)));
  CHECK(app.budget.price() < plenty * 1.2);
}

TEST_CASE("with less than one poll for each task all wait, and nothing more has room") {
  App app(100);
  app.fit(start, day_of(10'000, 9'950));
  CHECK(app.budget.price() > 4h);
  CHECK_FALSE(app.budget.has_room_for(1, day_of(10'000, 9'950)));
  CHECK(app.budget.has_room_for(1, day_of(10'000, 5'000)));
}

TEST_CASE("a price serves for half a minute, or until more was asked or started than it was for") {
  App app(0);
  CHECK(app.budget.fit_due() == SteadyTime::min());
  app.fit(start, day_of(640));
  CHECK(app.budget.fit_due() == start + 30s);
  CHECK_FALSE(app.budget.needs_fit(start + 29s));
  CHECK(app.budget.needs_fit(start + 30s));
  int polls = 0;
  for (; !app.budget.needs_fit(start); ++polls)
    app.budget.asked();
  CHECK(polls > 4);
  CHECK(polls < 20); // a 64th and a few
  app.fit(start, day_of(640));
  int starts = 0;
  for (; !app.budget.needs_fit(start); ++starts)
    app.budget.started(1);
  CHECK(starts > 2);
  CHECK(starts < 20);
  CHECK(app.budget.fit_due() == SteadyTime::min());
}

TEST_CASE("at the roll the price is made anew") {
  App app(1);
  app.fit(start + 24h - 10s, day_of(1'000));
  CHECK(app.budget.fit_due() == start + 24h);
  CHECK(app.budget.needs_fit(start + 24h));
}

TEST_CASE("what was started since the price was made takes its room") {
  App app(0);
  const DayBudget day = day_of(1'000, 900);
  app.fit(start, day, 0);
  CHECK(app.budget.has_room_for(90, day));
  app.budget.started(50);
  CHECK_FALSE(app.budget.has_room_for(90, day));
}

TEST_CASE("a cheap price leaves half of the rate limit") {
  const auto price_at = [](double requests_per_second) {
    App app(60);
    DayBudget day = day_of(10'000'000);
    day.requests_per_second = requests_per_second;
    app.fit(start, day);
    return app.budget.price();
  };
  CHECK(price_at(2) > 8 * price_at(0)); // 0: no limit
  CHECK(price_at(2) <= Seconds(0.25));  // where it is the rate that is short, it says when
  CHECK(price_at(10'000) == price_at(0));
}

TEST_CASE("polls for watchers are a tenth of the day's") {
  App app(1);
  CHECK_FALSE(app.budget.has_watch_polls());
  app.fit(start, day_of(50));
  int polls = 0;
  for (; app.budget.has_watch_polls(); ++polls)
    app.budget.asked_for_watcher();
  CHECK(polls == 5);
  app.fit(start + 24h, day_of(50, 0, start + 24h));
  CHECK(app.budget.has_watch_polls());
}
