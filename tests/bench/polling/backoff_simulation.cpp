#include "tests/bench/polling/simulation.h"

#include "poller/quota/quota_policy.h"
#include "tests/bench/polling/tally.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <tuple>

namespace kdq::bench {

namespace {

using std::chrono::milliseconds;

struct Pending {
  WallTime due;
  std::size_t index;
  std::int64_t polls;
  double gap_seconds;
  bool operator<(const Pending& other) const { // the later, the less
    return std::tie(due, index) > std::tie(other.due, other.index);
  }
};

milliseconds gap_of(double seconds) {
  return milliseconds(std::llround(seconds * 1000));
}

} // namespace

Result run_backoff(const Trace& trace, const Backoff& policy) {
  std::priority_queue<Pending> pending;
  for (std::size_t i = 0; i < trace.tasks.size(); ++i)
    pending.push(
        {trace.tasks[i].arrives + gap_of(policy.first_seconds), i, 0, policy.first_seconds});
  TokenBucket rate(trace.requests_per_second);
  Service service(trace.status_quota);
  Tally tally;
  std::int64_t exhausted_day = -1;
  WallTime now{};
  while (!pending.empty()) {
    Pending next = pending.top();
    now = std::max(now, next.due);
    now = WallTime(rate.ready_at(steady(now)).time_since_epoch());
    if (trace.outage && now >= trace.outage->begins && now < trace.outage->ends)
      now = trace.outage->ends;
    if (!service.has_left(now)) { // it counts as carefully as the product
      exhausted_day = day_of(now);
      now = day_begin(exhausted_day + 1);
      continue;
    }
    pending.pop();
    rate.take(steady(now));
    service.request(now);
    ++next.polls;
    if (day_of(next.due) < day_of(now) && day_of(next.due) == exhausted_day)
      tally.stranded(exhausted_day);
    const TraceTask& task = trace.tasks[next.index];
    const WallTime ends = task.arrives + task.runs;
    if (now >= ends) {
      tally.detected(task, task.arrives, ends, now, next.polls);
      continue;
    }
    next.gap_seconds = std::min(next.gap_seconds * policy.factor, policy.longest_seconds);
    next.due = now + gap_of(next.gap_seconds);
    pending.push(next);
  }
  return tally.result(trace, service);
}

namespace {

double wait_of(const Trace& trace, const Backoff& policy) {
  return run_backoff(trace, policy).day[1].mean_wait_seconds;
}

/// Moves one parameter at a time up or down by a shrinking step as long as that helps.
Backoff refined(const Trace& trace, Backoff best, bool grows) {
  double least = wait_of(trace, best);
  for (double step = 1.5; step > 1.02; step = std::sqrt(step)) {
    const auto try_with = [&](double Backoff::*parameter, double value) {
      Backoff candidate = best;
      candidate.*parameter = value;
      const double wait = wait_of(trace, candidate);
      if (wait >= least)
        return false;
      best = candidate;
      least = wait;
      return true;
    };
    for (int round = 0; round < 4; ++round) {
      bool better = false;
      for (const double by : {step, 1 / step}) {
        better |= try_with(&Backoff::first_seconds, std::max(0.05, best.first_seconds * by));
        if (!grows)
          continue;
        better |= try_with(&Backoff::factor, 1 + (best.factor - 1) * by);
        better |= try_with(&Backoff::longest_seconds, best.longest_seconds * by);
      }
      if (!better)
        break;
    }
  }
  return best;
}

Backoff better_of(const Trace& trace, const std::vector<Backoff>& candidates, bool grows) {
  Backoff best = candidates.front();
  double least = wait_of(trace, best);
  for (const Backoff& candidate : candidates)
    if (const double wait = wait_of(trace, candidate); wait < least) {
      least = wait;
      best = candidate;
    }
  return refined(trace, best, grows);
}

} // namespace

Backoff best_fixed(const Trace& trace) {
  std::vector<Backoff> candidates;
  for (double gap = 1800; gap > 0.5; gap /= 1.4)
    candidates.push_back({gap, 1, gap});
  for (Backoff& candidate : candidates)
    candidate.longest_seconds = 3600;
  return better_of(trace, candidates, false);
}

Backoff best_backoff(const Trace& trace) {
  std::vector<Backoff> candidates;
  for (const double factor : {1.1, 1.3, 1.6, 2.0})
    for (const double longest : {30.0, 120.0, 3600.0})
      for (double first = 256; first > 0.2; first /= 2)
        candidates.push_back({first, factor, std::max(longest, first)});
  return better_of(trace, candidates, true);
}

} // namespace kdq::bench
