#include "poller/schedule/arrival_forecast.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

DayBudget budget_of_day(int day, std::int64_t submit_left = 100'000) {
  DayBudget budget;
  budget.status_allowed = 10'000;
  budget.submit_left = submit_left;
  budget.day_begins = SteadyTime{} + day * 24h;
  budget.day_ends = budget.day_begins + 24h;
  return budget;
}

void arrive_evenly(ArrivalForecast& forecast, SteadyTime from, SteadyTime to,
                   std::chrono::milliseconds gap) {
  for (SteadyTime at = from; at < to; at += gap)
    forecast.arrived(at);
}

} // namespace

TEST_CASE("on the first day a cautious guess fades with the day") {
  const ArrivalForecast forecast;
  const auto budget = budget_of_day(0);
  CHECK(forecast.remaining(SteadyTime{}, budget).starts == doctest::Approx(2550));
  CHECK(forecast.remaining(SteadyTime{} + 12h, budget).starts ==
        doctest::Approx(1285).epsilon(0.01));
  CHECK(forecast.remaining(SteadyTime{} + 24h, budget).starts == 0);
}

TEST_CASE("yesterday's profile foretells the rest of today") {
  ArrivalForecast forecast;
  forecast.set_day(SteadyTime{}, SteadyTime{} + 24h);
  arrive_evenly(forecast, SteadyTime{} + 6h, SteadyTime{} + 12h, 10s); // 2160, all in the morning
  const auto budget = budget_of_day(1);
  forecast.set_day(budget.day_begins, budget.day_ends);
  CHECK(forecast.remaining(budget.day_begins + 9h, budget).starts < 1080);
  CHECK(forecast.remaining(budget.day_begins + 13h, budget).starts < 1);
  CHECK(forecast.remaining(budget.day_begins, budget).starts ==
        doctest::Approx(2160 + 46).epsilon(0.01));
}

TEST_CASE("a day that begins busier than the profile is scaled up") {
  ArrivalForecast forecast;
  forecast.set_day(SteadyTime{}, SteadyTime{} + 24h);
  arrive_evenly(forecast, SteadyTime{}, SteadyTime{} + 24h, 60s);
  const auto budget = budget_of_day(1);
  forecast.set_day(budget.day_begins, budget.day_ends);
  arrive_evenly(forecast, budget.day_begins, budget.day_begins + 12h, 20s);
  const double starts = forecast.remaining(budget.day_begins + 12h, budget).starts;
  CHECK(starts > 1.9 * 720);
  CHECK(starts < 3.2 * 720);
}

TEST_CASE("no more starts are expected than are granted") {
  const ArrivalForecast forecast;
  CHECK(forecast.remaining(SteadyTime{}, budget_of_day(0, 7)).starts == 7);
  CHECK(forecast.remaining(SteadyTime{}, budget_of_day(0, 0)).starts == 0);
  CHECK(forecast.remaining(SteadyTime{}, budget_of_day(0, 0)).reserved_polls == 0);
}

TEST_CASE("queued jobs are expected to start") {
  const ArrivalForecast forecast;
  auto budget = budget_of_day(0);
  budget.queued = 5000;
  CHECK(forecast.remaining(SteadyTime{} + 23h, budget).starts >= 5000);
}

TEST_CASE("batches raise the reserve, a busy hour does not") {
  ArrivalForecast batches;
  ArrivalForecast busy_hour;
  for (auto* forecast : {&batches, &busy_hour})
    forecast->set_day(SteadyTime{}, SteadyTime{} + 24h);
  for (int batch = 0; batch < 24; ++batch)
    for (int i = 0; i < 100; ++i)
      batches.arrived(SteadyTime{} + batch * 1h + i * 10ms);
  arrive_evenly(busy_hour, SteadyTime{} + 9h, SteadyTime{} + 10h, 1500ms); // also 2400
  const auto budget = budget_of_day(0);
  CHECK(batches.remaining(SteadyTime{} + 23h, budget).reserved_polls > 100);
  CHECK(busy_hour.remaining(SteadyTime{} + 23h, budget).reserved_polls < 10);
}

TEST_CASE("a day without starts teaches nothing") {
  ArrivalForecast forecast;
  forecast.set_day(SteadyTime{}, SteadyTime{} + 24h);
  arrive_evenly(forecast, SteadyTime{}, SteadyTime{} + 24h, 60s);
  for (int day = 1; day <= 3; ++day)
    forecast.set_day(budget_of_day(day).day_begins, budget_of_day(day).day_ends);
  CHECK(forecast.remaining(SteadyTime{} + 72h, budget_of_day(3)).starts > 1400);
}

TEST_CASE("a start after the roll belongs to the next day even if the roll was not told") {
  ArrivalForecast forecast;
  forecast.set_day(SteadyTime{}, SteadyTime{} + 24h);
  forecast.arrived(SteadyTime{} + 1h);
  for (int i = 0; i < 100; ++i)
    forecast.arrived(SteadyTime{} + 24h + i * 1min);
  const auto budget = budget_of_day(1);
  const auto expected = [&] { return forecast.remaining(budget.day_begins + 12h, budget).starts; };
  const double untold = expected();
  forecast.set_day(budget.day_begins, budget.day_ends);
  CHECK(expected() == untold);
}
