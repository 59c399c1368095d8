#include "tests/bench/polling/simulation.h"

#include "poller/schedule/price_schedule.h"
#include "poller/schedule/stored_runs.h"
#include "tests/bench/polling/app_books.h"
#include "tests/bench/polling/tally.h"

#include <deque>
#include <unordered_map>
#include <utility>

namespace kdq::bench {

namespace {

class PriceSimulation {
public:
  PriceSimulation(const Trace& trace, bool admission)
      : trace_(trace), admission_(admission), books_(trace), service_(trace.status_quota),
        schedule_(new_schedule()) {}

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

  DayBudget budget() { return books_.budget(now_, queue_.size()); }

  void start(const TraceTask& task) {
    Running running{
        &task, {JobId{task.id}, {task.script, ""}, steady(now_), std::nullopt}, now_ + task.runs};
    books_.started(now_);
    schedule_->submitted(running.open);
    running_.emplace(task.id, running);
  }

  /// The first moment at which the queue's head may be started, as far as the gate goes.
  WallTime starts_from() const {
    return admission_ ? books_.ready_at(Endpoint::submit, now_) : now_;
  }

  bool admits(const TraceTask& task) {
    if (starts_from() > now_)
      return false;
    if (schedule_->needs_price(steady(now_)))
      schedule_->reprice(steady(now_), budget());
    return schedule_->admits({task.script, ""}, budget());
  }

  void start_queued() {
    while (!queue_.empty()) {
      const TraceTask& task = *queue_.front();
      if ((admission_ && !admits(task)) || !books_.pay(Endpoint::submit, now_))
        return;
      if (admission_)
        books_.sent(Endpoint::submit, now_);
      queue_.pop_front();
      start(task);
    }
  }

  void poll(const DuePoll& due) {
    books_.sent(Endpoint::status, now_);
    if (!service_.request(now_)) {
      books_.refused(Endpoint::status, now_);
      schedule_->postponed(due.job, steady(now_));
      return;
    }
    books_.worked(Endpoint::status, now_);
    const std::int64_t due_day = day_of(to_wall(due.due, moment(now_)));
    if (due_day < day_of(now_) && due_day == exhausted_day_)
      tally_.stranded(due_day);
    const auto found = running_.find(due.job.value);
    Running& running = found->second;
    ++running.polls;
    if (now_ < running.ends) {
      running.open.last_poll = steady(now_);
      schedule_->found_running(due.job, steady(now_));
      return;
    }
    books_.learnt(schedule_->ended(due.job, steady(now_), steady(running.ends)), now_);
    tally_.detected(*running.task, to_wall(running.open.submitted_at, moment(now_)), running.ends,
                    now_, running.polls);
    running_.erase(found);
  }

  void restart() {
    std::vector<OpenTask> open;
    for (const auto& [id, running] : running_)
      open.push_back(running.open);
    schedule_ = new_schedule();
    schedule_->restore(from_rows(books_.run_times(), moment(now_)),
                       from_counts(books_.starts(), moment(now_)), open, steady(now_), budget());
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
      next = std::min(next, std::max(to_wall(*wakeup, moment(now_)), blocked_until_));
    if (!queue_.empty()) {
      const WallTime from = starts_from();
      next = std::min(next, from > now_ ? from : now_ + std::chrono::seconds{30});
    }
    return std::max(next, now_);
  }

  void step() {
    now_ = next_event();
    skip_outage();
    for (; next_arrival_ < trace_.tasks.size() && trace_.tasks[next_arrival_].arrives <= now_;
         ++next_arrival_)
      queue_.push_back(&trace_.tasks[next_arrival_]);
    if (schedule_->needs_price(steady(now_)))
      schedule_->reprice(steady(now_), budget());
    send_due(); // first, as the product does it
    start_queued();
  }

  void send_due() {
    while (true) {
      blocked_until_ = books_.ready_at(Endpoint::status, now_);
      if (blocked_until_ > now_)
        return;
      if (schedule_->needs_price(steady(now_)))
        schedule_->reprice(steady(now_), budget());
      const auto due = schedule_->next_due(steady(now_));
      if (!due)
        return;
      if (books_.pay(Endpoint::status, now_)) {
        poll(*due);
      } else {
        exhausted_day_ = day_of(now_);
        schedule_->postponed(due->job, steady(now_));
      }
    }
  }

  const Trace& trace_;
  bool admission_;
  AppBooks books_;
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
};

} // namespace

Result run_price(const Trace& trace, bool admission) {
  return PriceSimulation(trace, admission).run();
}

} // namespace kdq::bench
