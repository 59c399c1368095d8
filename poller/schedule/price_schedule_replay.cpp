// The part of PriceSchedule that rebuilds its state from stored rows.
#include "poller/schedule/price_schedule.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace kdq {

namespace {

/// A past start or end, told again in the order of time.
struct Event {
  WallTime at;
  bool is_end;
  std::int64_t order; // of rows: seq; of open tasks: above all rows
  std::size_t index;  // of the run or the open task
  bool operator<(const Event& other) const {
    return std::tie(at, is_end, order) < std::tie(other.at, other.is_end, other.order);
  }
};

/// The rows of one seq.
struct PastRun {
  std::int64_t seq = 0;
  WallTime submitted_at;
  RunTime run;
  std::vector<std::string> keys; // the script's before the family's

  /// Stands in for the job's id, below all real ones.
  JobId job() const { return {std::numeric_limits<std::int64_t>::min() + seq}; }
};

std::vector<PastRun> past_runs(std::vector<RunRow> rows) {
  std::sort(rows.begin(), rows.end(), [](const RunRow& a, const RunRow& b) {
    return a.seq != b.seq ? a.seq < b.seq : a.key > b.key; // "s:…" before "f:…"
  });
  std::vector<PastRun> runs;
  for (RunRow& row : rows) {
    if (runs.empty() || runs.back().seq != row.seq)
      runs.push_back({row.seq, row.submitted_at, row.run, {}});
    runs.back().keys.push_back(std::move(row.key));
  }
  return runs;
}

std::vector<Event> events_of(const std::vector<PastRun>& runs, const std::vector<OpenTask>& open) {
  std::vector<Event> events;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    events.push_back({runs[i].submitted_at, false, runs[i].seq, i});
    events.push_back({runs[i].submitted_at + runs[i].run.high, true, runs[i].seq, i});
  }
  for (std::size_t i = 0; i < open.size(); ++i)
    events.push_back({open[i].submitted_at, false, std::numeric_limits<std::int64_t>::max(), i});
  std::stable_sort(events.begin(), events.end());
  return events;
}

} // namespace

void PriceSchedule::restore(std::vector<RunRow> rows, const std::vector<StartCount>& starts,
                            std::vector<OpenTask> open, WallTime now, const DayBudget& budget) {
  std::sort(open.begin(), open.end(),
            [](const OpenTask& a, const OpenTask& b) { return a.job < b.job; });
  // Not from the runs: of a script that runs often only the last ones are kept.
  if (!starts.empty()) {
    constexpr std::chrono::hours day{24};
    const auto since_first = budget.day_begins - starts.front().at;
    const auto days = std::max<std::int64_t>(0, (since_first + day - WallTime::duration{1}) / day);
    forecast_.set_day(budget.day_begins - days * day, budget.day_begins - (days - 1) * day);
  }
  for (const StartCount& count : starts)
    for (std::int64_t i = 0; i < count.starts; ++i)
      forecast_.arrived(count.at);
  const auto runs = past_runs(std::move(rows));
  const auto events = events_of(runs, open);
  std::vector<std::vector<ScriptRecord*>> held(runs.size());
  for (const Event& event : events) {
    const bool is_open = event.order == std::numeric_limits<std::int64_t>::max();
    if (is_open) {
      const Task& task = insert(open[event.index]);
      remember_submission(*task.script);
      continue;
    }
    const PastRun& run = runs[event.index];
    auto& scripts = held[event.index];
    if (!event.is_end) {
      scripts = book_.acquire_stored(run.keys);
      for (ScriptRecord* script : scripts)
        script->order.started(run.submitted_at, run.job());
      remember_submission(*scripts.front());
      continue;
    }
    for (ScriptRecord* script : scripts)
      learn(*script, script->order.ended(run.submitted_at, run.job(), run.run));
    book_.release(*scripts.front());
    next_seq_ = std::max(next_seq_, run.seq + 1);
  }
  book_.forget_surplus(); // their rows went when they were forgotten; nothing is over the bound now
  reprice(now, budget);
}

} // namespace kdq
