#include "poller/schedule/price_schedule.h"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

/// A small service: scripts of known run times, asked as the schedule says, every request counted.
class Day {
public:
  explicit Day(std::int64_t quota) : quota_(quota) {}

  DayBudget budget(SteadyTime now) const {
    const auto day = now.time_since_epoch() / 24h;
    DayBudget budget;
    budget.status_allowed = quota_;
    const auto used = used_.find(day);
    budget.status_used = used == used_.end() ? 0 : used->second;
    budget.submit_left = 100'000;
    budget.day_begins = SteadyTime{} + day * 24h;
    budget.day_ends = budget.day_begins + 24h;
    return budget;
  }

  void start(PriceSchedule& schedule, SteadyTime at, int script) {
    const JobId job{++last_job_};
    const std::string name = "script " + std::to_string(script);
    OpenTask task{job, {name, script % 2 == 0 ? "" : "family"}, at, std::nullopt};
    // Run times differ between scripts and, a little, between runs.
    const auto runs = std::chrono::milliseconds(5000 * (script + 1) + (last_job_ * 7919) % 3000);
    schedule.submitted(task);
    ++starts_[SteadyTime{at.time_since_epoch() / 30s * 30s}];
    tasks_[job] = {task, at + runs};
  }

  /// Asks what is due until `end`; returns each poll as text.
  std::vector<std::string> run(PriceSchedule& schedule, SteadyTime from, SteadyTime end) {
    std::vector<std::string> polls;
    for (SteadyTime now = from; now < end;) {
      if (schedule.needs_price(now))
        schedule.reprice(now, budget(now));
      while (budget(now).status_used < quota_) {
        const auto due = schedule.next_due(now);
        if (!due)
          break;
        polls.push_back(std::to_string(due->job.value) + "@" +
                        std::to_string(now.time_since_epoch().count()));
        poll(schedule, due->job, now);
      }
      const auto next = schedule.next_wakeup();
      if (!next)
        break;
      now = std::max(*next, now + 1ms);
    }
    return polls;
  }

  std::vector<OpenTask> open() const {
    std::vector<OpenTask> open;
    for (const auto& [job, task] : tasks_)
      open.push_back(task.open);
    return open;
  }
  const std::vector<LearntRun>& rows() const { return rows_; }
  std::vector<PastStarts> starts() const {
    std::vector<PastStarts> counts;
    for (const auto& [at, starts] : starts_)
      counts.push_back({at, starts});
    return counts;
  }
  std::int64_t used(std::int64_t day) const { return used_.at(day); }
  std::chrono::milliseconds waited{0};

private:
  struct Task {
    OpenTask open;
    SteadyTime ends;
  };

  void poll(PriceSchedule& schedule, JobId job, SteadyTime now) {
    ++used_[now.time_since_epoch() / 24h];
    Task& task = tasks_.at(job);
    if (now < task.ends) {
      task.open.last_poll = now;
      schedule.found_running(job, now);
      return;
    }
    waited += now - task.ends;
    for (LearntRun& row : schedule.ended(job, now, task.ends).rows)
      rows_.push_back(std::move(row));
    tasks_.erase(job);
  }

  std::int64_t quota_;
  std::int64_t last_job_ = 0;
  std::map<std::int64_t, std::int64_t> used_;
  std::map<JobId, Task> tasks_;
  std::map<SteadyTime, std::int64_t> starts_;
  std::vector<LearntRun> rows_;
};

const SteadyTime start{};

std::vector<std::string> work(Day& day, PriceSchedule& schedule, SteadyTime from, int tasks) {
  std::vector<std::string> polls;
  for (int i = 0; i < tasks; ++i) {
    const SteadyTime at = from + i * 20s;
    day.start(schedule, at, i % 7);
    const auto now = day.run(schedule, at, at + 20s);
    polls.insert(polls.end(), now.begin(), now.end());
  }
  return polls;
}

OpenTask simple(std::int64_t job, SteadyTime at = start) {
  return {{job}, {"script", ""}, at, std::nullopt};
}

/// How long after its start a task of the script is first asked; it is dropped again.
std::chrono::milliseconds first_poll(PriceSchedule& schedule, TaskKeys keys, SteadyTime at) {
  const JobId job{1'000'000};
  schedule.submitted({job, std::move(keys), at, std::nullopt});
  SteadyTime now = at;
  while (true) {
    if (const auto due = schedule.next_due(now)) {
      schedule.dropped(job);
      return due->due - at;
    }
    now += 1ms;
  }
}

} // namespace

TEST_CASE("two schedules that are told the same ask the same") {
  Day day_a(2000);
  Day day_b(2000);
  PriceSchedule a({});
  PriceSchedule b({});
  const auto polls = work(day_a, a, start, 400);
  CHECK(polls.size() > 400);
  CHECK(polls == work(day_b, b, start, 400));
}

TEST_CASE("after a restart the schedule goes on as it would have") {
  Day day(2000);
  PriceSchedule before({});
  work(day, before, start, 300);
  const SteadyTime now = start + 300 * 20s;
  const auto budget = day.budget(now);
  const auto open = day.open();
  REQUIRE(!open.empty());
  before.reprice(now + 1h, budget); // a fresh price, as after a restart
  PriceSchedule after({});
  after.restore(day.rows(), day.starts(), open, now + 1h, budget);
  CHECK(after.open() == before.open());
  CHECK(after.expected_polls_of_open() == before.expected_polls_of_open());
  Day copy = day;
  CHECK(work(day, before, now + 1h, 50) == work(copy, after, now + 1h, 50));
}

TEST_CASE("after a restart the counted starts say how many to expect, not the runs that are kept") {
  Day day(2000);
  PriceSchedule before({});
  work(day, before, start, 300);
  const SteadyTime now = start + 300 * 20s;
  const auto planned_with = [&](std::int64_t times, std::size_t runs) {
    auto starts = day.starts();
    for (PastStarts& past : starts)
      past.starts *= times;
    PriceSchedule after({});
    after.restore({day.rows().end() - static_cast<std::ptrdiff_t>(runs), day.rows().end()}, starts,
                  day.open(), now, day.budget(now));
    return after.expected_polls_of_open();
  };
  // The more starts are to come, the dearer is a poll.
  CHECK(planned_with(20, 280) < planned_with(1, 280));
  CHECK(planned_with(20, 100) < planned_with(1, 100));
}

TEST_CASE("without its rows a schedule has only forgotten") {
  Day day(2000);
  PriceSchedule schedule({});
  work(day, schedule, start, 100);
  PriceSchedule forgetful({});
  const SteadyTime now = start + 1h;
  day.start(schedule, now, 1);
  forgetful.restore({}, {}, day.open(), now, day.budget(now));
  CHECK(forgetful.open() == day.open().size());
  CHECK(forgetful.next_wakeup().has_value());
}

TEST_CASE("the day's requests are used, but never more than there are") {
  Day day(1500);
  PriceSchedule schedule({});
  for (int d = 0; d < 2; ++d) {
    for (int i = 0; i < 400; ++i) {
      const SteadyTime at = start + d * 24h + i * 200s;
      day.start(schedule, at, i % 7);
      day.run(schedule, at, at + 200s);
    }
    day.run(schedule, start + d * 24h + 80'000s, start + (d + 1) * 24h);
    CHECK(day.used(d) <= 1500);
  }
  CHECK(day.used(1) > 1200);
}

TEST_CASE("what is started or asked in a burst is priced before the half minute is over") {
  PriceSchedule schedule({});
  const auto budget = Day(1'000).budget(start);
  schedule.reprice(start, budget);
  CHECK_FALSE(schedule.needs_price(start));
  for (int job = 1; job <= 20; ++job)
    schedule.submitted(simple(job));
  CHECK(schedule.needs_price(start));
  schedule.reprice(start, budget);
  std::size_t polls = 0;
  for (SteadyTime now = start; !schedule.needs_price(now) && now < start + 30s; now += 100ms)
    while (const auto due = schedule.next_due(now)) {
      schedule.found_running(due->job, now);
      ++polls;
    }
  CHECK(polls > 0);
  CHECK(polls < 60);
}

TEST_CASE("with less than one poll for each task everybody waits") {
  PriceSchedule schedule({});
  for (int job = 1; job <= 100; ++job)
    schedule.submitted(simple(job));
  auto budget = Day(10'000).budget(start);
  budget.status_used = 9'950;
  schedule.reprice(start, budget);
  CHECK_FALSE(schedule.admits({"script", ""}, budget));
  budget = Day(10'000).budget(start + 24h);
  schedule.reprice(start + 24h, budget);
  CHECK(schedule.admits({"script", ""}, budget));
}

TEST_CASE("a due task is handed out once, in the order of due time and job") {
  PriceSchedule schedule({});
  for (const int job : {3, 1, 2})
    schedule.submitted(simple(job));
  schedule.reprice(start, Day(10'000).budget(start));
  const SteadyTime later = start + 10min;
  for (const int job : {1, 2, 3})
    CHECK(schedule.next_due(later).value().job == JobId{job});
  CHECK_FALSE(schedule.next_due(later + 1h));
  schedule.postponed({2}, later + 5s);
  CHECK_FALSE(schedule.next_due(later + 4s));
  CHECK(schedule.next_due(later + 5s).value().job == JobId{2});
}

TEST_CASE("ended and dropped tasks are not asked again") {
  PriceSchedule schedule({});
  schedule.submitted(simple(1));
  schedule.submitted(simple(2));
  schedule.ended({1}, start + 5s, std::nullopt);
  schedule.dropped({2});
  CHECK(schedule.open() == 0);
  CHECK_FALSE(schedule.next_due(start + 1h));
  CHECK_FALSE(schedule.next_wakeup());
}

TEST_CASE("a watched task is asked within a minute while the allowance lasts") {
  PriceSchedule schedule({});
  Day day(100);
  schedule.submitted(simple(1));
  schedule.reprice(start, day.budget(start));
  schedule.watch({1}, start + 2h);
  SteadyTime now = start;
  int for_watcher = 0;
  for (int i = 0; i < 30; ++i) {
    now = now + 60s;
    if (const auto due = schedule.next_due(now)) {
      for_watcher += due->for_watcher ? 1 : 0;
      schedule.found_running({1}, now);
    }
  }
  CHECK(for_watcher > 0);
  CHECK(for_watcher <= 10); // a tenth of the day's hundred
}

TEST_CASE("an edited script starts from its predecessor") {
  PriceSchedule schedule({});
  const auto budget = Day(10'000).budget(start);
  for (int i = 0; i < 20; ++i) {
    const SteadyTime at = start + i * 2min;
    schedule.submitted({{i}, {"first text", "file and name"}, at, std::nullopt});
    schedule.ended({i}, at + 90s, at + 90s);
  }
  schedule.reprice(start + 1h, budget);
  const auto known = first_poll(schedule, {"first text", "file and name"}, start + 1h);
  CHECK(known > 60s);
  CHECK(known < 95s);
  CHECK(first_poll(schedule, {"second text", "file and name"}, start + 1h) == known);
  PriceSchedule unknown({}); // nothing was learnt of any script
  unknown.reprice(start + 1h, budget);
  CHECK(first_poll(unknown, {"second text", ""}, start + 1h) < 60s);
}

TEST_CASE("with requests to spare what ends at once is seen at once") {
  for (const std::int64_t quota : {10'000, 1'000'000}) {
    PriceSchedule schedule({});
    auto budget = Day(quota).budget(start);
    budget.submit_left = quota / 20;
    budget.requests_per_second = 10;
    schedule.reprice(start, budget);
    CAPTURE(quota);
    CHECK(first_poll(schedule, {"never seen", ""}, start) <= 100ms);
    for (int job = 1; job <= 10; ++job) {
      schedule.submitted(simple(job, start + job * 1s));
      schedule.ended({job}, start + job * 1s + 60ms, start + job * 1s + 40ms);
    }
    schedule.reprice(start + 1min, budget);
    CHECK(first_poll(schedule, {"script", ""}, start + 1min) <= 100ms);
  }
}

TEST_CASE("with few requests an unknown script is given time") {
  PriceSchedule schedule({});
  auto budget = Day(1'000).budget(start);
  budget.queued = 800;
  schedule.reprice(start, budget);
  CHECK(first_poll(schedule, {"never seen", ""}, start) > 2s);
}

TEST_CASE("a run gives one row for its script and one for its family") {
  PriceSchedule schedule({});
  schedule.submitted({{1}, {"text", "name"}, start, std::nullopt});
  schedule.found_running({1}, start + 10s);
  const auto learnt = schedule.ended({1}, start + 20s, start + 15s);
  REQUIRE(learnt.rows.size() == 2);
  CHECK(learnt.rows[0].key != learnt.rows[1].key);
  CHECK(learnt.rows[0].seq == learnt.rows[1].seq);
  CHECK(learnt.rows[0].run.low == 10s);
  CHECK(learnt.rows[0].run.high == 20s);
  CHECK(learnt.rows[0].run.exact == 15s);
}

TEST_CASE("an end time far outside of what the polls saw is not believed") {
  PriceSchedule schedule({});
  schedule.submitted(simple(1));
  schedule.submitted(simple(2));
  CHECK_FALSE(schedule.ended({1}, start + 20s, start + 8h).rows.at(0).run.exact);
  CHECK(schedule.ended({2}, start + 20s, start + 21s).rows.at(0).run.exact == 20s);
}

TEST_CASE("the scripts that are remembered are bounded") {
  PriceSchedule schedule({.max_scripts = 50});
  std::set<std::string> stored;
  for (int i = 0; i < 2000; ++i) {
    const SteadyTime at = start + i * 1min;
    schedule.submitted({{i}, {"script " + std::to_string(i), ""}, at, std::nullopt});
    const auto learnt = schedule.ended({i}, at + 10s, at + 10s);
    for (const LearntRun& row : learnt.rows)
      stored.insert(row.key);
    for (const std::string& key : learnt.forgotten)
      stored.erase(key);
  }
  CHECK(stored.size() <= 50 + 600); // those of the last submissions are in use a while longer
}

TEST_CASE("a clock that steps back or forward does not stop the schedule") {
  PriceSchedule schedule({});
  const Day day(10'000);
  schedule.reprice(start + 48h, day.budget(start + 48h));
  schedule.submitted(simple(1, start + 48h));
  for (const auto now : {start + 47h, start + 96h, start + 95h}) {
    CHECK(schedule.needs_price(now));
    schedule.reprice(now, day.budget(now));
    CHECK_FALSE(schedule.needs_price(now));
  }
  CHECK(schedule.next_due(start + 96h));
  schedule.found_running({1}, start + 40h); // an answer dated before the start
  CHECK(schedule.next_wakeup());
}
