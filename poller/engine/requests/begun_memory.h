// Takes into memory what a round has begun.
#pragma once

#include "poller/engine/app_states.h"
#include "poller/engine/requests/round_plan.h"

#include <chrono>

namespace kdq {

class AppTokens;
class Events;
class InFlightTable;
class ReplyStore;
class ScheduledTasks;
class Sender;
struct EngineSettings;

class BegunMemory {
public:
  BegunMemory(ScheduledTasks& tasks, AppStates& apps, InFlightTable& in_flight,
              const AppTokens& tokens, Sender& sender, ReplyStore& replies, Events& events,
              const EngineSettings& settings)
      : tasks_(tasks), apps_(apps), in_flight_(in_flight), tokens_(tokens), sender_(sender),
        replies_(replies), events_(events), settings_(settings) {}

  /// After the commit. Hands the requests to the Sender; a job that turns out not to be sendable
  /// ends with the next replies.
  void remember(const Begun& begun, Moment now);
  /// The transaction was not committed: the polls are due as before, and nothing was sent.
  void not_begun(const RoundPlan& plan, Moment now);

private:
  void remember_poll(const Begun::Poll& poll, Moment now);
  void remember_start(const Begun::Start& start, Moment now);

  ScheduledTasks& tasks_;
  AppStates& apps_;
  InFlightTable& in_flight_;
  const AppTokens& tokens_;
  Sender& sender_;
  ReplyStore& replies_;
  Events& events_;
  const EngineSettings& settings_;
};

} // namespace kdq
