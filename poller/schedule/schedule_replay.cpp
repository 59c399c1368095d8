#include "poller/schedule/schedule_replay.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

namespace kdq {

JobId ScheduleReplay::Run::job() const {
  return {std::numeric_limits<std::int64_t>::min() + seq};
}

ScheduleReplay::ScheduleReplay(std::vector<LearntRun> rows, std::vector<OpenTask> open)
    : open_(std::move(open)) {
  std::sort(rows.begin(), rows.end(), [](const LearntRun& a, const LearntRun& b) {
    return a.seq != b.seq ? a.seq < b.seq : a.key > b.key; // "s:…" before "f:…"
  });
  for (LearntRun& row : rows) {
    if (runs_.empty() || runs_.back().seq != row.seq)
      runs_.push_back({row.seq, row.submitted_at, row.run, {}});
    runs_.back().keys.push_back(std::move(row.key));
  }
  std::sort(open_.begin(), open_.end(),
            [](const OpenTask& a, const OpenTask& b) { return a.job < b.job; });

  using Kind = Event::Kind;
  events_.reserve(2 * runs_.size() + open_.size());
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    events_.push_back({runs_[i].submitted_at, Kind::start, i});
    events_.push_back({runs_[i].submitted_at + runs_[i].run.high, Kind::end, i});
  }
  for (std::size_t i = 0; i < open_.size(); ++i)
    events_.push_back({open_[i].submitted_at, Kind::open, i});
  std::sort(events_.begin(), events_.end(), [](const Event& a, const Event& b) {
    const auto order = [](const Event& event) {
      return std::tuple(event.at, event.kind == Kind::end, event.kind == Kind::open, event.index);
    };
    return order(a) < order(b);
  });
}

} // namespace kdq
