// Times the schedule's decisions with many open tasks. Prints; asserts nothing.
#include "poller/schedule/price_schedule.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace kdq;
using namespace std::chrono_literals;
using Time = SteadyTime;

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
  budget.day_begins = Time{};
  budget.day_ends = Time{} + 24h;
  return budget;
}

OpenTask task(std::int64_t job, TaskKeys keys, Time at) {
  OpenTask open;
  open.job = {job};
  open.keys = std::move(keys);
  open.submitted_at = at;
  return open;
}

/// A queue that is worked off: 200 starts a second, each script runs for about half a second.
class Drain {
public:
  explicit Drain(int scripts) : scripts_(scripts) {}

  void run(int jobs) {
    jobs_ = jobs;
    const double begin = now_ms();
    while (ended_ < jobs) {
      fit();
      while (const auto due = schedule_.next_due(now_)) {
        poll(due->job);
        fit();
      }
      if (started_ < jobs_ && now_ >= next_start())
        start();
      now_ = std::max(now_ + 1ms, next_event());
    }
    const double us = since(begin) * 1000 / jobs;
    std::printf("%7d jobs of %5d scripts: %5.2f us a job; of these %5.2f for %d prices; "
                "%.1f polls a job\n",
                jobs, scripts_, us, price_ms_ * 1000 / jobs, prices_,
                static_cast<double>(polls_) / jobs);
  }

private:
  Time next_start() const { return Time{} + 6h + started_ * 5ms; }

  Time next_event() const {
    Time next = started_ < jobs_ ? next_start() : Time::max();
    if (const auto wakeup = schedule_.next_wakeup())
      next = std::min(next, *wakeup);
    return next;
  }

  void fit() {
    if (!schedule_.needs_price(now_))
      return;
    const double begin = now_ms();
    DayBudget day = budget(polls_);
    day.submit_left = 100'000 - started_;
    day.queued = jobs_ - started_;
    schedule_.reprice(now_, day);
    price_ms_ += since(begin);
    ++prices_;
  }

  void start() {
    const int job = started_++;
    const int script = job % scripts_;
    TaskKeys keys{"0123456789abcdef0123456789abcdef" + std::to_string(script), ""};
    schedule_.submitted(task(job, std::move(keys), now_));
    const auto runs = std::chrono::milliseconds(300 + script * 131 % 400 + job * 7 % 20);
    ends_.push_back(now_ + runs);
  }

  void poll(JobId job) {
    ++polls_;
    const Time ends = ends_[static_cast<std::size_t>(job.value)];
    if (now_ < ends) {
      schedule_.found_running(job, now_);
      return;
    }
    schedule_.ended(job, now_, ends);
    ++ended_;
  }

  int scripts_;
  PriceSchedule schedule_{{}};
  Time now_ = Time{} + 6h;
  int jobs_ = 0;
  int started_ = 0;
  int ended_ = 0;
  std::int64_t polls_ = 0;
  int prices_ = 0;
  double price_ms_ = 0;
  std::vector<Time> ends_;
};

void measure(int tasks, int scripts) {
  PriceSchedule schedule({});
  const auto keys = [scripts](int i) {
    return TaskKeys{"script " + std::to_string(i % scripts), ""};
  };
  for (int i = 0; i < 20 * scripts; ++i) { // what is known beforehand
    const Time at = Time{} + i * 10ms;
    schedule.submitted(task(i, keys(i), at));
    const auto runs = std::chrono::milliseconds(20'000 + 997 * (i % scripts) + 131 * (i % 50));
    schedule.ended({i}, at + runs, at + runs);
  }
  Time now = Time{} + 6h;
  schedule.reprice(now, budget(0));
  double begin = now_ms();
  for (int i = 0; i < tasks; ++i)
    schedule.submitted(task(1'000'000 + i, keys(i), now - i * 1ms));
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
  for (const int scripts : {1, 1'000, 10'000})
    Drain(scripts).run(10'000);
  measure(20'000, 100);
  measure(20'000, 2'000);
  measure(100'000, 100);
  measure(100'000, 2'000);
}
