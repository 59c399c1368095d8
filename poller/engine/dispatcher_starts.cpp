// The part of Dispatcher that chooses what to start.
#include "poller/engine/dispatcher.h"
#include "store/base/time.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace kdq {
namespace {

// Of one transaction, as batch_polls in dispatcher.cpp.
constexpr std::size_t batch_starts = 32;
// Starts that find the processor free go faster than their polls will be able to, which cost more
// and then fall due as fast: after a large round without any poll the next one rests for this part
// of the time that it took. If it took longer than this, it was not the processor that took it.
constexpr std::size_t large_round = 24;
constexpr double rest_share = 0.7;
constexpr std::chrono::milliseconds longest_busy_round{50};
// The least that a start which has no answer yet will cost: it may be asked once too early.
constexpr std::int64_t polls_of_a_start = 2;
// With so many left no look at the script is needed: at the highest price none costs as many.
constexpr double ample_polls = 50;
// The tasks may need less than was reserved for them.
constexpr std::chrono::milliseconds look_for_polls_again{30'000};
constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

} // namespace

/// Whether no start may be begun now, so that polls do not come faster than they can be sent.
bool Dispatcher::rests(Moment now) {
  if (!round_ || round_->began == now.steady)
    return false; // it is still being filled
  if (!round_->goes_on) {
    round_->goes_on = now.steady;
    const auto took = now.steady - round_->began;
    if (round_->starts >= large_round && !round_->polled && took <= longest_busy_round)
      *round_->goes_on += std::chrono::round<std::chrono::milliseconds>(
          rest_share * std::chrono::duration<double, std::milli>(took));
  }
  if (now.steady < *round_->goes_on) {
    wake_at(*round_->goes_on);
    return true;
  }
  round_.reset();
  return false;
}

std::size_t Dispatcher::slots_on(const std::string& file_token) const {
  const std::size_t limit = state_.settings.max_running_per_file;
  if (state_.pauses.files.contains(file_token))
    return 0;
  if (limit == 0)
    return no_limit;
  const std::size_t taken = state_.tasks.on_file(file_token);
  return limit > taken ? limit - taken : 0;
}

void Dispatcher::plan_starts(Plan& plan, Moment now) {
  if (state_.queue.queued() == 0) {
    for (auto& [name, app] : state_.apps)
      app.no_polls_left.reset();
    return;
  }
  plan.expired = state_.queue.expired(now.wall);
  if (const auto next = state_.queue.next_time()) {
    plan.promote = *next <= now.wall;
    wake_at(plan.promote ? now.steady : now.steady + (*next - now.wall));
  }
  const std::size_t running = state_.tasks.size();
  std::size_t free = std::min(plan.start_room, state_.settings.max_running -
                                                   std::min(running, state_.settings.max_running));
  if (free > 0 && rests(now))
    free = 0;
  choose_starts(plan, find_startable(plan, free, now), free, now);
}

/// Scans the queues of all apps that may start something; in claim order over all of them.
std::vector<QueueScan::Entry> Dispatcher::find_startable(Plan& plan, std::size_t free, Moment now) {
  std::vector<QueueScan::Entry> found;
  if (state_.pauses.all)
    return found; // the change of pauses wakes us
  const auto slots = [this](const std::string& file) { return slots_on(file); };
  // Hands the startable rows to `taker`; what the scan found beside them is to be set aside.
  const auto take_over = [&plan](QueueScan scan, std::vector<QueueScan::Entry>& taker) {
    std::move(scan.startable.begin(), scan.startable.end(), std::back_inserter(taker));
    scan.startable.clear();
    if (scan.more || !scan.early.empty() || !scan.behind.empty())
      plan.scans.push_back(std::move(scan));
  };
  for (const std::string& app : state_.queue.queued_apps()) {
    if (state_.pauses.apps.contains(app))
      continue;
    const auto configured = state_.apps.find(app);
    if (configured == state_.apps.end()) {
      const auto any = [](const std::string&) { return no_limit; };
      const std::size_t before = plan.unstartable.size();
      take_over(state_.queue.scan(app, now.wall, batch_starts, 0, any), plan.unstartable);
      if (plan.unstartable.size() > before)
        wake_at(now.steady);
      continue;
    }
    if (free == 0)
      continue; // a task's end or an answer wakes us
    const SteadyTime opens = configured->second.breaker.opens_at(Endpoint::submit, now);
    if (opens > now.steady) {
      wake_at(opens);
      continue;
    }
    take_over(state_.queue.scan(app, now.wall, std::min(free, batch_starts),
                                state_.tasks.taken_files() + state_.pauses.files.size(), slots),
              found);
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.order() < b.order(); });
  return found;
}

void Dispatcher::choose_starts(Plan& plan, std::vector<QueueScan::Entry> found, std::size_t free,
                               Moment now) {
  std::map<std::string, std::size_t> chosen_on; // one file may be queued for under two apps
  std::map<std::string, AppStarts> starts_of;
  for (QueueScan::Entry& entry : found) {
    if (plan.starts.size() == std::min(free, batch_starts))
      break;
    AppState& app = state_.apps.find(entry.app)->second;
    CircuitBreaker& breaker = app.breaker;
    std::size_t& chosen = chosen_on[entry.file_token];
    AppStarts& starts = starts_of[entry.app];
    if (chosen >= slots_on(entry.file_token) || starts.held)
      continue;
    if (!usable_token(breaker, now)) {
      wake_at(breaker.opens_at(Endpoint::submit, now));
      continue;
    }
    if (const SteadyTime opens = breaker.opens_at(Endpoint::submit, now); opens > now.steady) {
      wake_at(opens); // one request tries out an app that had to wait
      continue;
    }
    if (const SteadyTime ready = breaker.rate_ready_at(now.steady); ready > now.steady) {
      wake_at(ready);
      continue;
    }
    if (!has_polls_for(app, entry.id, starts, now)) {
      starts.held = true;
      continue;
    }
    breaker.take(Endpoint::submit, now.steady);
    ++starts.chosen;
    ++chosen;
    plan.starts.push_back(std::move(entry));
  }
  if (plan.starts.size() == batch_starts && free > batch_starts)
    wake_at(now.steady); // there may be more to start
}

/// Whether the day has status requests left to bring one more task to its end, beside those that
/// run and those that are being started. If not, says so in the app's state.
bool Dispatcher::has_polls_for(AppState& app, JobId job, AppStarts& starts, Moment now) {
  reprice_if_needed(app, 0, now); // with a task to be asked, plan_polls() has done so
  const std::size_t starting =
      state_.tasks.of_app(app.breaker.name()) -
      std::min(app.schedule.open(), state_.tasks.of_app(app.breaker.name())) + starts.chosen;
  if (!starts.budget)
    starts.budget = state_.budget(app, now);
  DayBudget& budget = *starts.budget;
  budget.status_reserve = polls_of_a_start * static_cast<std::int64_t>(starting);
  // The script needs to be read only where it matters.
  if (app.schedule.has_room_for(ample_polls, budget) ||
      app.schedule.admits(keys_of(state_.queue.identity(job)), budget)) {
    app.no_polls_left.reset();
    return true;
  }
  const std::size_t running = app.schedule.open() + starting;
  const WallTime roll = app.breaker.day(now.wall).ends;
  app.no_polls_left = Hold{
      (running == 0
           ? std::string("too few of today's status requests are left to bring another script to "
                         "its end")
           : "the rest of today's status requests is reserved for " + std::to_string(running) +
                 " running tasks") +
          "; starts go on at " + utc_second(roll) + " at the latest",
      roll};
  wake_at(now.steady + std::min<std::chrono::milliseconds>(roll - now.wall, look_for_polls_again));
  return false;
}

} // namespace kdq
