#include "poller/engine/requests/start_chooser.h"

#include "poller/engine/app_state.h"
#include "poller/engine/app_tokens.h"
#include "poller/engine/refused_jobs.h"
#include "poller/engine/requests/file_slots.h"
#include "poller/engine/requests/round_plan.h"
#include "poller/engine/requests/start_admission.h"
#include "poller/engine/requests/start_finder.h"
#include "poller/engine/requests/start_pace.h"
#include "store/dependencies.h"

#include <map>
#include <string>
#include <utility>

namespace kdq {

void StartChooser::choose(RoundPlan& plan, Moment now) {
  if (plan.room() == 0) {
    plan.wake.by(now.steady);
    return;
  }
  plan.settle_needs = dependencies_.is_due();
  if (plan.settle_needs)
    plan.wake.by(now.steady); // there may be more of them
  if (!queue_.has_queued()) {
    for (auto& [name, app] : apps_) {
      app.no_polls_left.reset();
      app.no_place.reset();
      app.unscheduled.reset();
    }
    return;
  }
  plan.wake.by(refused_.next_try(now.steady));
  add_ends(plan, now);
  if (!plan.expired.empty() || !plan.hopeless.empty())
    plan.wake.by(now.steady);
  if (const auto next = queue_.next_run()) {
    plan.promote = *next <= now.wall && plan.room() > 0;
    plan.wake.by(to_steady(*next, now));
  }
  if (const auto next = queue_.next_expiry(now.wall))
    plan.wake.by(to_steady(*next, now));
  divide_places(plan, now.steady);
  choose_among(finder_.find(plan, now), plan, now);
}

/// Of jobs that are not to be started any more.
void StartChooser::add_ends(RoundPlan& plan, Moment now) {
  std::vector<JobId> expired = queue_.expired(now.wall);
  std::erase_if(expired, [&](JobId job) { return refused_.rests(job, now.steady); });
  plan.add(plan.expired, std::move(expired));
  std::vector<Dependencies::Hopeless> hopeless = dependencies_.hopeless();
  std::erase_if(hopeless, [&](const auto& one) { return refused_.rests(one.job, now.steady); });
  plan.add(plan.hopeless, std::move(hopeless));
}

/// The places of max_running: else the scripts of an app whose service is ill would take them all,
/// one after the other, and keep them until their time is over.
void StartChooser::divide_places(RoundPlan& plan, SteadyTime now) const {
  if (const auto rests_until = pace_.rests_until(now)) {
    plan.wake.by(*rests_until);
    return; // with no place for anybody
  }
  plan.running_places = Shares(settings_.max_running);
  std::size_t others = tasks_.size();
  for (const auto& [name, app] : apps_) {
    const std::size_t running = tasks_.of_app(name);
    plan.running_places.keep_for(name, running);
    others -= running;
  }
  plan.running_places.take({}, others); // of apps that are not configured any more
  plan.any_place_to_run = tasks_.size() < settings_.max_running;
}

/// As far as the app's token, breaker and rate allow a start now; else plans the wake-up.
bool StartChooser::may_send(AppState& app, RoundPlan& plan, Moment now) {
  CircuitBreaker& breaker = app.breaker;
  const bool usable = tokens_.usable(app, now) != nullptr;
  const SteadyTime until = breaker.blocked_until(Endpoint::submit, now);
  if (!usable || until > now.steady) {
    plan.wake.by(until); // one trial request may be under way
    return false;
  }
  const SteadyTime ready = breaker.rate_ready_at(now.steady);
  if (ready > now.steady) {
    breaker.let_start_pass();
    plan.wake.by(ready);
    return false;
  }
  return true;
}

void StartChooser::choose_among(std::vector<QueueScan::Entry> found, RoundPlan& plan, Moment now) {
  std::map<std::string, std::size_t> chosen_on; // one file may be queued for under two apps
  StartAdmission admission(queue_, tasks_, budgets_, now);
  for (QueueScan::Entry& entry : found) {
    if (plan.starts.size() == batch_starts || plan.room() == 0)
      break;
    std::size_t& chosen = chosen_on[entry.file_token];
    if (chosen >= slots_.on(entry.file_token) || plan.start_room(entry.app) == 0 ||
        admission.is_over(entry.app) || admission.is_reserved(entry, plan))
      continue;
    AppState& app = apps_.find(entry.app)->second;
    if (!may_send(app, plan, now) || !admission.admits(app, entry.id, plan.wake))
      continue;
    app.breaker.take(Endpoint::submit, now.steady);
    app.turns.started(entry);
    admission.chosen(entry);
    plan.start_places.take(entry.app);
    plan.running_places.take(entry.app);
    ++chosen;
    plan.starts.push_back(std::move(entry));
  }
  if (plan.starts.size() == batch_starts || plan.room() == 0)
    plan.wake.by(now.steady); // there may be more to start
}

} // namespace kdq
