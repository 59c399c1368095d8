// Times the schedule's decisions with many open tasks. Prints; asserts nothing.
#include "poller/schedule/price_schedule.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>

namespace {

using namespace kdq;
using namespace std::chrono_literals;

/// Processor time, so that a busy machine does not count.
double now_ms() {
  return 1000.0 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}
double since(double begin) {
  return now_ms() - begin;
}

DayBudget budget(std::int64_t used) {
  DayBudget budget;
  budget.status_allowed = 1'000'000;
  budget.status_used = used;
  budget.submit_left = 1'000;
  budget.day_begins = WallTime{};
  budget.day_ends = WallTime{} + 24h;
  return budget;
}

void measure(int tasks, int scripts) {
  PriceSchedule schedule({});
  const auto keys = [scripts](int i) {
    return TaskKeys{"script " + std::to_string(i % scripts), ""};
  };
  for (int i = 0; i < 20 * scripts; ++i) { // what is known beforehand
    const WallTime at = WallTime{} + i * 10ms;
    schedule.submitted({{i}, keys(i), at, std::nullopt, 1});
    const auto runs = std::chrono::milliseconds(20'000 + 997 * (i % scripts) + 131 * (i % 50));
    schedule.ended({i}, at + runs, at + runs);
  }
  WallTime now = WallTime{} + 6h;
  schedule.reprice(now, budget(0));
  double begin = now_ms();
  for (int i = 0; i < tasks; ++i)
    schedule.submitted({{1'000'000 + i}, keys(i), now - i * 1ms, std::nullopt, 1});
  const double submit_ms = since(begin);
  begin = now_ms();
  schedule.reprice(now + 20min, budget(100));
  const double free_ms = since(begin);
  begin = now_ms();
  int moves = 0;
  for (int i = 1; i <= 20; ++i, ++moves) // each moves the price
    schedule.reprice(now + 20min + i * 30s, budget(i % 2 == 0 ? 0 : 900'000));
  const double reprice_ms = since(begin) / moves;
  now += 40min;
  begin = now_ms();
  int polls = 0;
  while (const auto due = schedule.next_due(now)) {
    schedule.found_running(due->job, now);
    if (++polls % 100 == 0)
      now += 10s; // the rest of the decisions are spread over time
    if (polls >= 200'000)
      break;
  }
  const double poll_us = since(begin) * 1000 / polls;
  std::printf("%7d open tasks of %5d scripts: submitted %.1f us each, first price %.1f ms, "
              "re-pricing %.1f ms, poll decision %.2f us\n",
              tasks, scripts, submit_ms * 1000 / tasks, free_ms, reprice_ms, poll_us);
}

} // namespace

int main() {
  measure(20'000, 100);
  measure(20'000, 2'000);
  measure(100'000, 100);
  measure(100'000, 2'000);
}
