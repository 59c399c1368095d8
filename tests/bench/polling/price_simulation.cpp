#include "tests/bench/polling/simulation.h"

#include "poller/price_schedule.h"
#include "tests/bench/polling/tally.h"

#include <deque>
#include <unordered_map>
#include <utility>

namespace kdq::bench {

namespace {

class PriceSimulation {
public:
  PriceSimulation(const Trace& trace, Ledger& ledger, bool admission)
      : trace_(trace), ledger_(ledger), admission_(admission), rate_(trace.requests_per_second),
        service_(trace.status_quota), schedule_(new_schedule()) {}

  Result run() {
    while (next_arrival_ < trace_.tasks.size() || !running_.empty() || !queue_.empty())
      step();
    return tally_.result(trace_, service_);
  }

private:
  struct Running {
    const TraceTask* task;
    OpenTask open;
    WallTime ends;
    std::int64_t polls = 0;
  };

  static std::unique_ptr<PriceSchedule> new_schedule() {
    return std::make_unique<PriceSchedule>(PriceSchedule::Options{});
  }

  DayBudget budget() const {
    const std::int64_t day = day_of(now_);
    DayBudget budget;
    budget.status_allowed = trace_.status_quota;
    budget.status_used = ledger_.used(now_);
    const auto started = starts_.find(day);
    budget.submit_left = trace_.submit_quota - (started == starts_.end() ? 0 : started->second);
    budget.queued = static_cast<std::int64_t>(queue_.size());
    budget.day_begins = day_begin(day);
    budget.day_ends = day_begin(day + 1);
    return budget;
  }

  void start(const TraceTask& task) {
    ++starts_[day_of(now_)];
    Running running{
        &task, {JobId{task.id}, {task.script, ""}, now_, std::nullopt, 1}, now_ + task.runs};
    schedule_->submitted(running.open);
    running_.emplace(task.id, running);
  }

  void start_admitted() {
    while (!queue_.empty()) {
      const TraceTask& task = *queue_.front();
      if (admission_ && !schedule_->admits({task.script, ""}, budget()))
        return;
      queue_.pop_front();
      start(task);
    }
  }

  void poll(const DuePoll& due) {
    rate_.take(now_);
    service_.request(now_);
    if (day_of(due.due) < day_of(now_) && day_of(due.due) == exhausted_day_)
      tally_.stranded(day_of(due.due));
    const auto found = running_.find(due.job.value);
    Running& running = found->second;
    ++running.polls;
    if (now_ < running.ends) {
      running.open.last_poll = now_;
      schedule_->found_running(due.job, now_);
      return;
    }
    auto learnt = schedule_->ended(due.job, now_, running.ends);
    for (RunRow& row : learnt.rows)
      rows_.push_back(std::move(row));
    tally_.detected(*running.task, running.open.submitted_at, running.ends, now_, running.polls);
    running_.erase(found);
  }

  void restart() {
    std::vector<OpenTask> open;
    for (const auto& [id, running] : running_)
      open.push_back(running.open);
    schedule_ = new_schedule();
    schedule_->restore(rows_, open, now_, budget());
  }

  void skip_outage() {
    if (!trace_.outage || down_ || now_ < trace_.outage->begins)
      return;
    down_ = true;
    now_ = std::max(now_, trace_.outage->ends);
    restart();
  }

  WallTime next_event() const {
    WallTime next = WallTime::max();
    if (next_arrival_ < trace_.tasks.size())
      next = trace_.tasks[next_arrival_].arrives;
    if (const auto wakeup = schedule_->next_wakeup())
      next = std::min(next, std::max(*wakeup, blocked_until_));
    if (!queue_.empty())
      next = std::min(next, now_ + std::chrono::seconds{30});
    return std::max(next, now_);
  }

  void step() {
    now_ = next_event();
    skip_outage();
    for (; next_arrival_ < trace_.tasks.size() && trace_.tasks[next_arrival_].arrives <= now_;
         ++next_arrival_)
      queue_.push_back(&trace_.tasks[next_arrival_]);
    if (schedule_->needs_price(now_))
      schedule_->reprice(now_, budget());
    start_admitted();
    send_due();
  }

  void send_due() {
    blocked_until_ = now_;
    while (true) {
      if (const WallTime ready = rate_.ready_at(now_); ready > now_) {
        blocked_until_ = ready;
        return;
      }
      if (ledger_.used(now_) >= trace_.status_quota) {
        exhausted_day_ = day_of(now_);
        blocked_until_ = day_begin(exhausted_day_ + 1);
        return;
      }
      const auto due = schedule_->next_due(now_);
      if (!due)
        return;
      ledger_.take(now_);
      poll(*due);
    }
  }

  const Trace& trace_;
  Ledger& ledger_;
  bool admission_;
  RateLimit rate_;
  Service service_;
  Tally tally_;
  std::unique_ptr<PriceSchedule> schedule_;
  WallTime now_{};
  WallTime blocked_until_{};
  std::int64_t exhausted_day_ = -1;
  bool down_ = false; // the outage is behind us
  std::size_t next_arrival_ = 0;
  std::deque<const TraceTask*> queue_;
  std::unordered_map<std::int64_t, Running> running_;
  std::map<std::int64_t, std::int64_t> starts_;
  std::vector<RunRow> rows_;
};

} // namespace

Result run_price(const Trace& trace, Ledger& ledger, bool admission) {
  return PriceSimulation(trace, ledger, admission).run();
}

} // namespace kdq::bench
