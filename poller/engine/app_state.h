// The configured apps.
#pragma once

#include "poller/engine/app_schedule.h"
#include "poller/engine/app_states.h"
#include "poller/quota/circuit_breaker.h"
#include "poller/settings.h"
#include "store/status_tables.h"

#include <cstdint>
#include <optional>

namespace kdq {

/// What the engine keeps of one app. The engine owns it; its parts have references.
struct AppState {
  CircuitBreaker breaker;
  AppSchedule schedule;
  std::optional<Wait> no_polls_left; ///< for another start: what is left is for the running tasks
};

inline AppStates make_apps(const EngineSettings& settings, PlanTime time) {
  AppStates apps;
  std::uint64_t seed = settings.jitter_seed;
  for (const auto& [name, app] : settings.apps)
    apps.emplace(name, AppState{CircuitBreaker(name, app, ++seed), AppSchedule(time), {}});
  return apps;
}

} // namespace kdq
