// When to ask which task: one price for a status request, so that the day's budget lasts.
// Everything is a function of what was told and of `now`: no clock, no randomness.
#pragma once

#include "poller/schedule/arrival_forecast.h"
#include "poller/schedule/open_task.h"
#include "poller/schedule/poll_budget.h"
#include "poller/schedule/recent_submissions.h"
#include "poller/schedule/script_book.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace kdq {

/// One per app. Single-threaded; decisions are O(log n) for n open tasks.
class PriceSchedule {
public:
  struct Options {
    std::size_t max_scripts = 4096; ///< learnt scripts kept; one that ran often takes 5 KiB
    std::chrono::seconds reprice_every{30};
  };

  explicit PriceSchedule(Options options);

  /// Rebuilds the state of a schedule that was told the same; call once, before all else. `starts`
  /// are those of the last days, the open tasks' among them, in order of time. Watches,
  /// postponements and the part of their allowance that was used are not restored.
  void restore(std::vector<LearntRun> rows, const std::vector<PastStarts>& starts,
               std::vector<OpenTask> open, SteadyTime now, const DayBudget& budget);

  // --- what happened ----------------------------------------------------------------------
  void submitted(const OpenTask& task);
  void found_running(JobId job, SteadyTime polled_at);
  /// `ended_at`: the log's own word, if there is one; not believed if it is far off.
  Learnt ended(JobId job, SteadyTime polled_at, std::optional<SteadyTime> ended_at);
  /// The task will not be asked again: cancelled or timed out.
  void dropped(JobId job);
  /// A poll that was due was not sent, or had no usable answer: ask again, but not before `at`.
  void postponed(JobId job, SteadyTime at);
  /// Someone follows the job's log until then: it is asked often while an allowance lasts.
  void watch(JobId job, SteadyTime until);

  // --- what to do -------------------------------------------------------------------------
  /// The next task that is due, at today's price; it is handed out once, until one of the calls
  /// above says what came of it.
  std::optional<DuePoll> next_due(SteadyTime now);
  /// When something will be due, reprice() included; nullopt: nothing is open.
  std::optional<SteadyTime> next_wakeup() const;
  /// Fits the price to the budget. Call when needs_price(now), at the roll, and at start.
  void reprice(SteadyTime now, const DayBudget& budget);
  /// Some time has passed, or more was started or asked than the price was made for.
  bool needs_price(SteadyTime now) const { return budget_.needs_fit(now); }

  // --- admission and diagnosis ------------------------------------------------------------
  /// A start of this script still fits the day: with it all open tasks can be brought to their end,
  /// at the highest price if need be. Call reprice() first if needs_price(now).
  bool admits(const TaskKeys& keys, const DayBudget& budget);
  /// So many polls more can be had today beside what the open tasks need at least.
  bool has_room_for(double polls, const DayBudget& budget) const;
  /// What the open tasks will need at today's price.
  double expected_polls_of_open();
  std::size_t open() const { return tasks_.size(); }

private:
  struct Task {
    ScriptRecord* script = nullptr;
    SteadyTime submitted_at;
    SteadyTime last_poll; // submitted_at if there was none
    SteadyTime not_before = SteadyTime::min();
    SteadyTime due;
    std::optional<SteadyTime> watched_until;
    std::optional<SteadyTime> deadline;
    int cell = 0; // of the age at last_poll
    bool handed_out = false;
  };
  struct Entry {
    SteadyTime due;
    JobId job;
    bool operator<(const Entry& other) const; // the later, the less
  };
  struct JobHash {
    std::size_t operator()(JobId job) const { return std::hash<std::int64_t>{}(job.value); }
  };
  using Tasks = std::unordered_map<JobId, Task, JobHash>;

  Task& insert(const OpenTask& task);
  void restore_starts(const std::vector<PastStarts>& starts, const DayBudget& budget);
  void forget_task(Tasks::iterator task);
  SteadyTime planned(const Task& task);
  SteadyTime due_at(const Task& task);
  void push(JobId job, Task& task);
  void rebuild_heap();

  ScriptBook book_;
  RecentSubmissions recent_;
  ArrivalForecast forecast_;
  PollBudget budget_;
  Tasks tasks_;
  std::vector<Entry> heap_; // entries whose due is not their task's are void
  std::int64_t next_seq_ = 1;
};

} // namespace kdq
