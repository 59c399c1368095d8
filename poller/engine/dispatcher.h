// Decides what may be sent now, writes the intents, makes them durable, and sends.
#pragma once

#include "poller/engine/engine_state.h"
#include "poller/engine/reply_store.h"
#include "poller/engine/status_writer.h"
#include "poller/tokens.h"
#include "poller/transport.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kdq {

class Dispatcher {
public:
  Dispatcher(EngineState& state, ReplyStore& reply_store, StatusWriter& status_writer,
             Transport& transport, Tokens& tokens)
      : state_(state), reply_store_(reply_store), status_writer_(status_writer),
        transport_(transport), tokens_(tokens) {}

  /// Sends what is due and allowed, once its intents, and all that was committed before, are on
  /// disk; begins with no more after `until`. Throws StoreUnavailable: what was not begun then is
  /// due as before. Call only while replies can be stored. A job that turns out not to be sendable
  /// is handed to the reply_store.
  void dispatch(SteadyTime until);

  /// When something will be due or allowed that was not at the last dispatch(); far future:
  /// nothing.
  SteadyTime next_wake(Moment now) const { return std::max(wake_, now.steady); }

private:
  /// What one transaction is to begin.
  struct Plan {
    std::vector<DuePoll> polls;
    std::vector<QueueScan::Entry> starts;
    std::vector<QueueScan> scans;              ///< rows to be set aside
    std::vector<QueueScan::Entry> unstartable; ///< their app is not configured
    std::vector<JobId> expired;
    bool promote = false;
    std::size_t poll_room = 0; ///< how many polls and starts it may have
    std::size_t start_room = 0;
    bool empty() const;
  };
  /// What the transaction did begin.
  struct Begun {
    struct Poll {
      RequestId request;
      DuePoll due;
      QuotaKey paid_from;
    };
    struct Start {
      RequestId request;
      ClaimedJob job;
      QuotaKey paid_from;
    };
    std::vector<Poll> polls;
    std::vector<Start> starts;
    std::vector<JobId> gone;                         ///< not running any more
    bool missed = false;                             ///< some start is not to be made any more
    std::vector<JobId> unpaid;                       ///< polls without budget
    std::vector<QuotaKey> spent;                     ///< budgets with nothing left
    std::vector<std::pair<JobId, JobState>> refused; ///< ended without a request
    std::vector<std::string> reasons;                ///< of refused
  };
  /// Starts that were begun together, and what they left behind: their polls are yet to come.
  struct Round {
    SteadyTime began{};
    std::size_t starts = 0;
    bool polled = false;               ///< polls were begun meanwhile
    std::optional<SteadyTime> goes_on; ///< when the next one may begin; none: not decided
  };
  /// One app's part in the choice of starts.
  struct AppStarts {
    std::size_t chosen = 0;
    bool held = false;               ///< no polls are left for another one
    std::optional<DayBudget> budget; ///< once it was needed; without what is being chosen
  };

  bool dispatch_batch(Moment now);
  Plan empty_plan() const;
  void take_in_hand(Begun& begun, Moment now);
  bool rests(Moment now);
  void send_all();
  void wake_at(SteadyTime moment) { wake_ = std::min(wake_, moment); }
  const std::string* usable_token(CircuitBreaker& breaker, Moment now);
  void reprice_if_needed(AppState& app, std::size_t planned, Moment now);
  void plan_polls(AppState& app, Plan& plan, Moment now);
  void plan_starts(Plan& plan, Moment now);
  std::vector<QueueScan::Entry> find_startable(Plan& plan, std::size_t free, Moment now);
  void choose_starts(Plan& plan, std::vector<QueueScan::Entry> found, std::size_t free, Moment now);
  bool has_polls_for(AppState& app, JobId job, AppStarts& starts, Moment now);
  void begin(const Plan& plan, Begun& begun, Moment now);
  void begin_polls(const Plan& plan, Begun& begun, WallTime now);
  void begin_starts(const Plan& plan, Begun& begun, WallTime now);
  void refuse(const Plan& plan, Begun& begun, WallTime now);
  void end_unsent(JobId job, JobState end, const std::string& error, Begun& begun, WallTime now);
  void hold_poll(Begun::Poll& poll, Moment now);
  void hold_start(Begun::Start& start, Moment now);
  void follow_up(const Begun& begun, Moment now);
  std::string unknown_app_sentence(const std::string& app) const;
  std::size_t slots_on(const std::string& file_token) const;

  EngineState& state_;
  ReplyStore& reply_store_;
  StatusWriter& status_writer_;
  Transport& transport_;
  Tokens& tokens_;
  SteadyTime wake_ = SteadyTime::max();
  std::optional<Round> round_;               ///< the last one, until the next may begin
  std::map<std::string, std::string> token_; ///< of this dispatch, by app
  std::vector<std::pair<RequestId, HttpRequest>> outgoing_; ///< begun, not sent
};

} // namespace kdq
