// The configured apps.
#pragma once

#include "poller/engine/app_states.h"
#include "poller/engine/requests/class_turns.h"
#include "poller/quota/circuit_breaker.h"
#include "poller/settings.h"
#include "store/wait.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace kdq {

class PriceSchedule;

/// An app has no place for another start, although it may send.
struct NoPlace {
  enum class Why {
    polls,  ///< so many of its status requests are on the wire that starts wait
    starts, ///< its starts have taken its places on the wire
    kept    ///< its scripts run in all places of max_running but those kept for the other apps
  };
  SteadyTime since{};
  Why why = Why::polls;
};

/// How it stands with an app's access token, for people.
struct TokenStanding {
  std::optional<WallTime> expires_at;
  std::optional<WallTime> consent_ends_at; ///< nothing: nobody has to consent
  std::string trouble;                     ///< why it is not renewed; empty: nothing is in the way
  bool needs_person = false;               ///< who has to consent anew
  bool operator==(const TokenStanding&) const = default;
};

/// What the engine keeps of one app. The engine owns it; its parts have references.
struct AppState {
  AppState(const std::string& name, const AppSettings& app, std::uint64_t jitter_seed);
  ~AppState();

  CircuitBreaker breaker;
  std::unique_ptr<PriceSchedule> schedule;
  TokenStanding token;
  std::optional<NoPlace> no_place;   ///< for another start
  std::optional<Wait> no_polls_left; ///< for another start: what is left is for the running tasks
  std::optional<Wait> unscheduled;   ///< for jobs without schedule: what is left is for the others
  ClassTurns turns;
  std::string next_class; ///< where the next look at its classes begins
};

AppStates make_apps(const EngineSettings& settings);

} // namespace kdq
