// Plans what may be sent now, writes the intents, makes them durable, and sends: round by round.
#pragma once

#include "poller/engine/requests/round_plan.h"

#include <algorithm>
#include <cstddef>

namespace kdq {

class BegunMemory;
class Clock;
class Database;
class IntentWriter;
class RefusedJobs;
class RoundPlanner;
class Sender;
class StartPace;
class StatusWriter;
class AppTokens;
struct StoreUnavailable;

class Dispatcher {
public:
  Dispatcher(Database& database, Clock& clock, AppTokens& tokens, RoundPlanner& planner,
             IntentWriter& intents, BegunMemory& memory, Sender& sender, StartPace& pace,
             StatusWriter& status_writer, RefusedJobs& refused)
      : database_(database), clock_(clock), tokens_(tokens), planner_(planner), intents_(intents),
        memory_(memory), sender_(sender), pace_(pace), status_writer_(status_writer),
        refused_(refused) {}

  /// Sends what is due and allowed, once its intents, and all that was committed before, are on
  /// disk; begins with no more after `until`. A job of which the database refuses what is to be
  /// written waits by itself. Throws StoreUnavailable: what was not begun then is due as before.
  /// Call only while replies can be stored.
  void dispatch(SteadyTime until);

  /// When something will be due or allowed that was not at the last dispatch(); far future:
  /// nothing.
  SteadyTime next_wake(SteadyTime now) const { return std::max(wake_.at, now); }

private:
  bool dispatch_batch(Moment now);
  bool narrows(const RoundPlan& plan, const StoreUnavailable& error);
  void pass_over(JobId job);
  void passed(const Begun& begun);

  Database& database_;
  Clock& clock_;
  AppTokens& tokens_;
  RoundPlanner& planner_;
  IntentWriter& intents_;
  BegunMemory& memory_;
  Sender& sender_;
  StartPace& pace_;
  StatusWriter& status_writer_;
  RefusedJobs& refused_;
  WakeUp wake_;
  /// Of the next plan: one after a refusal, which finds out whose it is, and then twice as many
  /// each time.
  std::size_t most_ = RoundPlan::no_limit;
};

} // namespace kdq
