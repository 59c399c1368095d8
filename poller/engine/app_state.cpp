#include "poller/engine/app_state.h"

#include "poller/schedule/price_schedule.h"

namespace kdq {

AppState::AppState(const std::string& name, const AppSettings& app, std::uint64_t jitter_seed)
    : breaker(name, app, jitter_seed),
      schedule(std::make_unique<PriceSchedule>(PriceSchedule::Options{})) {}
AppState::~AppState() = default;

AppStates make_apps(const EngineSettings& settings) {
  AppStates apps;
  std::uint64_t seed = settings.jitter_seed;
  for (const auto& [name, app] : settings.apps)
    apps.try_emplace(name, name, app, ++seed);
  return apps;
}

} // namespace kdq
