// Brings the engine's memory up to date with what was decided and saved.
#pragma once

#include "poller/engine/app_states.h"
#include "store/base/time.h"

namespace kdq {

class Events;
class InFlightTable;
class ScheduledTasks;
struct Effects;

/// Decides nothing.
class EffectMemory {
public:
  EffectMemory(InFlightTable& in_flight, ScheduledTasks& tasks, AppStates& apps, Events& events)
      : in_flight_(in_flight), tasks_(tasks), apps_(apps), events_(events) {}

  /// What an end teaches the schedule; to be called once, before the effects are saved.
  void learn(Effects& effects, Moment now);
  /// The commit will come later: what the reply says of its app is known already, and remember()
  /// does not say it again.
  void set_aside(Effects& effects, Moment now);
  /// After the commit. `ours`: the job's row was changed.
  void remember(const Effects& effects, bool ours, Moment now);

private:
  void tell_breaker(const Effects& effects, Moment now);
  void tell_schedule(const Effects& effects, Moment now);

  InFlightTable& in_flight_;
  ScheduledTasks& tasks_;
  AppStates& apps_;
  Events& events_;
};

} // namespace kdq
