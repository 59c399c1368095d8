// Plans what may be sent now, writes the intents, makes them durable, and sends: round by round.
#pragma once

#include "poller/engine/requests/round_plan.h"

#include <algorithm>

namespace kdq {

class BegunMemory;
class Clock;
class Database;
class IntentWriter;
class RoundPlanner;
class Sender;
class StartPace;
class StatusWriter;
class AppTokens;

class Dispatcher {
public:
  Dispatcher(Database& database, Clock& clock, AppTokens& tokens, RoundPlanner& planner,
             IntentWriter& intents, BegunMemory& memory, Sender& sender, StartPace& pace,
             StatusWriter& status_writer)
      : database_(database), clock_(clock), tokens_(tokens), planner_(planner), intents_(intents),
        memory_(memory), sender_(sender), pace_(pace), status_writer_(status_writer) {}

  /// Sends what is due and allowed, once its intents, and all that was committed before, are on
  /// disk; begins with no more after `until`. Throws StoreUnavailable: what was not begun then is
  /// due as before. Call only while replies can be stored.
  void dispatch(SteadyTime until);

  /// When something will be due or allowed that was not at the last dispatch(); far future:
  /// nothing.
  SteadyTime next_wake(SteadyTime now) const { return std::max(wake_.at, now); }

private:
  bool dispatch_batch(Moment now);

  Database& database_;
  Clock& clock_;
  AppTokens& tokens_;
  RoundPlanner& planner_;
  IntentWriter& intents_;
  BegunMemory& memory_;
  Sender& sender_;
  StartPace& pace_;
  StatusWriter& status_writer_;
  WakeUp wake_;
};

} // namespace kdq
