// When to ask which task: one price for a status request, so that the day's budget lasts.
// Everything is a function of what was told and of `now`: no clock, no randomness.
#pragma once

#include "poller/schedule/arrival_forecast.h"
#include "poller/schedule/open_task.h"
#include "poller/schedule/script_book.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

namespace kdq {

/// One per app. Single-threaded; decisions are O(log n) for n open tasks.
class PriceSchedule {
public:
  struct Options {
    std::size_t max_scripts = 4096; ///< learnt run-time models kept, about 5 KiB each
    std::chrono::seconds reprice_every{30};
  };

  explicit PriceSchedule(Options options);

  /// Rebuilds the state of a schedule that was told the same; call once, before all else. `starts`
  /// are those of the last days, the open tasks' among them, in order of time. Watches,
  /// postponements and the part of their allowance that was used are not restored.
  void restore(std::vector<RunRow> rows, const std::vector<StartCount>& starts,
               std::vector<OpenTask> open, WallTime now, const DayBudget& budget);

  // --- what happened ----------------------------------------------------------------------
  void submitted(const OpenTask& task);
  void found_running(JobId job, WallTime polled_at);
  /// `ended_at`: the log's own word, if there is one; not believed if it is far off.
  Learnt ended(JobId job, WallTime polled_at, std::optional<WallTime> ended_at);
  /// The task will not be asked again: cancelled or timed out.
  void dropped(JobId job);
  /// A poll that was due was not sent, or had no usable answer: ask again, but not before `at`.
  void postponed(JobId job, WallTime at);
  /// Someone follows the job's log until then: it is asked often while an allowance lasts.
  /// The allowance is a tenth of the day's requests; without one, watching ran the day dry.
  void watch(JobId job, WallTime until);

  // --- what to do -------------------------------------------------------------------------
  /// The next task that is due, at today's price; it is handed out once, until one of the calls
  /// above says what came of it.
  std::optional<DuePoll> next_due(WallTime now);
  /// When something will be due, reprice() included; nullopt: nothing is open.
  std::optional<WallTime> next_wakeup() const;
  /// Fits the price to the budget. Call when needs_price(now), at the roll, and at start.
  void reprice(WallTime now, const DayBudget& budget);
  /// Some time has passed, or more was started or asked than the price was made for.
  bool needs_price(WallTime now) const;

  // --- admission and diagnosis ------------------------------------------------------------
  /// The polls a start of this script would cost at today's price.
  double expected_polls(const TaskKeys& keys);
  /// A start of this script still fits the day: with it all open tasks can be brought to their end,
  /// at the highest price if need be. Call reprice() first if needs_price(now).
  bool admits(const TaskKeys& keys, const DayBudget& budget);
  /// So many polls more can be had today beside what the open tasks need at least.
  bool has_room_for(double polls, const DayBudget& budget) const;
  Seconds price() const;
  /// Starts and polls that were budgeted for at the last reprice().
  const ExpectedArrivals& expected_arrivals() const { return expected_; }
  double expected_polls_of_open() { return open_load(rung_); }
  /// The least that all open tasks need, polled at the highest price.
  double least_polls_of_open() const { return least_polls_; }
  std::size_t open() const { return tasks_.size(); }

private:
  struct Task {
    ScriptRecord* script = nullptr;
    WallTime submitted_at;
    WallTime last_poll; // submitted_at if there was none
    WallTime not_before;
    WallTime due;
    std::optional<WallTime> watched_until;
    std::optional<WallTime> deadline;
    int rungs_off = 0; // by weight
    int cell = 0;      // of the age at last_poll
    bool handed_out = false;
  };
  struct Entry {
    WallTime due;
    JobId job;
    bool operator<(const Entry& other) const; // the later, the less
  };
  struct JobHash {
    std::size_t operator()(JobId job) const { return std::hash<std::int64_t>{}(job.value); }
  };

  struct Recent {
    ScriptRecord* script;
    bool was_known; ///< it had run before
  };

  Task& insert(const OpenTask& task);
  void count(const Task& task, int change);
  void remember_submission(ScriptRecord& script);
  void forget_task(JobId job);
  void learn(ScriptRecord& script, const std::vector<RunTime>& runs);
  bool price_is_outrun() const;
  int task_rung(const Task& task) const;
  WallTime planned(const Task& task);
  WallTime due_at(const Task& task);
  void push(JobId job, Task& task);
  void rebuild_heap();
  double open_load(int rung);
  double mean_load_of_arrival(int rung);
  double least_polls_of(ScriptRecord& script);
  int target_rung(const DayBudget& budget, int steps_down);

  static constexpr std::size_t recent_submissions = 600;
  Options options_;
  ScriptBook book_;
  ArrivalForecast forecast_;
  std::unordered_map<JobId, Task, JobHash> tasks_;
  std::vector<Entry> heap_; // entries whose due is not their task's are void
  std::deque<Recent> recent_;
  std::size_t recent_unknown_ = 0; // of these, the scripts that had never run
  int rung_;
  int highest_rung_;   // that still makes sense before the roll
  int admission_rung_; // at which running tasks are sure to be brought to their end
  std::int64_t next_seq_ = 1;
  std::optional<WallTime> priced_at_;
  std::optional<WallTime> stepped_at_; // the last time at which the price could fall
  std::size_t starts_since_priced_ = 0;
  std::size_t polls_since_priced_ = 0;
  std::size_t most_starts_since_priced_ = 0;
  std::size_t most_polls_since_priced_ = 0;
  WallTime day_begins_{};
  WallTime day_ends_{};
  ExpectedArrivals expected_;
  double least_polls_ = 0; // as of priced_at_, later starts included
  std::int64_t watch_polls_left_ = 0;
};

} // namespace kdq
