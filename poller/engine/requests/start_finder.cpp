#include "poller/engine/requests/start_finder.h"

#include "poller/engine/app_state.h"
#include "poller/engine/requests/file_slots.h"
#include "poller/engine/requests/round_plan.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace kdq {
namespace {

/// Hands the startable rows to `taker`; what the scan found beside them is to be set aside.
void take_over(QueueScan scan, std::vector<QueueScan::Entry>& taker, RoundPlan& plan) {
  std::move(scan.startable.begin(), scan.startable.end(), std::back_inserter(taker));
  scan.startable.clear();
  if (scan.more || !scan.early.empty() || !scan.behind.empty())
    plan.scans.push_back(std::move(scan));
}

} // namespace

std::vector<QueueScan::Entry> StartFinder::find(RoundPlan& plan, Moment now) {
  std::vector<QueueScan::Entry> found;
  if (pauses_.all)
    return found; // the change of pauses wakes us
  const auto slots = [this](const std::string& file) { return slots_.on(file); };
  for (const std::string& name : queue_.queued_apps()) {
    if (pauses_.apps.contains(name))
      continue;
    const auto app = apps_.find(name);
    if (app == apps_.end()) {
      scan_unknown_app(name, plan, now);
      continue;
    }
    const std::size_t room = plan.start_room(name);
    note_room(app->second, plan, now.steady);
    if (room == 0)
      continue; // a task's end or an answer wakes us
    const SteadyTime until = app->second.breaker.blocked_until(Endpoint::submit, now);
    if (until > now.steady) {
      plan.wake.by(until);
      continue;
    }
    take_over(
        queue_.scan(name, now.wall, std::min(room, batch_starts), slots_.taken_files(), slots),
        found, plan);
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.order() < b.order(); });
  return found;
}

/// A burst takes all places on the wire for a moment; that they stay taken is worth a word.
void StartFinder::note_room(AppState& app, const RoundPlan& plan, SteadyTime now) {
  using Why = NoPlace::Why;
  const std::string& name = app.breaker.name();
  std::optional<Why> why;
  if (plan.held_apps.contains(name))
    why = Why::polls;
  else if (plan.start_places.room(name) == 0)
    why = Why::starts;
  else if (plan.any_place_to_run && plan.running_places.room(name) == 0)
    why = Why::kept;
  if (!why)
    app.no_place.reset();
  else if (!app.no_place || app.no_place->why != *why)
    app.no_place = NoPlace{now, *why};
}

void StartFinder::scan_unknown_app(const std::string& app, RoundPlan& plan, Moment now) {
  const auto any = [](const std::string&) { return FileSlots::no_limit; };
  const std::size_t before = plan.unstartable.size();
  take_over(queue_.scan(app, now.wall, batch_starts, 0, any), plan.unstartable, plan);
  if (plan.unstartable.size() > before)
    plan.wake.by(now.steady);
}

} // namespace kdq
