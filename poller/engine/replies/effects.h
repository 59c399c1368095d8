// What is to happen because of a reply: decided by decide.h, written to the database by
// effect_writer.h, and taken into memory by effect_memory.h. Plain values.
#pragma once

#include "poller/engine/replies/reply_outcome.h"
#include "poller/engine/task_table.h"
#include "store/result_log.h"
#include "store/run_time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kdq {

/// Of a job that has failed and goes back to the queue.
struct Rerun {
  WallTime not_before;
  EndCause why; ///< it has failed
};

/// A job's row before and after. `after.rev` is `before.rev + 1`.
struct JobChange {
  JobRow before;
  JobRow after;
  std::optional<Rerun> rerun;
};

/// What is kept of a request in the table `requests`.
enum class KeepRequest {
  nothing, ///< all of it became rows
  row,     ///< without its body: that became rows
  all
};

/// One request of a day's budget.
struct DayShare {
  QuotaKey of;
  std::int64_t allowed = 0; ///< requests on that day
};

/// For the app's circuit breaker.
struct BreakerNotice {
  enum class Kind {
    none,
    replied,     ///< there was a reply, about the job alone
    worked,      ///< the service answered as it should
    unreachable, ///< no connection or no complete reply; `reason` says why
    refused      ///< `refusal` says why
  };
  Kind kind = Kind::none;
  std::string reason;
  kdocs_api::ServiceError refusal;
};

/// For the app's schedule.
struct ScheduleNotice {
  enum class Kind {
    none,
    started,
    found_running, ///< by the request that was sent at `at`
    ended,         ///< to be told before the effects are saved, because of what it teaches
    postponed      ///< to be asked again, not before `at`
  };
  Kind kind = Kind::none;
  SteadyTime at{};
  std::optional<WallTime> ended_at;     ///< the log's own word; civil time
  std::optional<SteadyTime> slow_until; ///< found running, but not to be asked before
};

/// For the metrics, of a script whose end KDocs has reported.
struct SeenEnd {
  std::chrono::milliseconds ran{};                 ///< as its log says; else until it was seen
  std::optional<std::chrono::milliseconds> unseen; ///< how long it had ended; nothing: not known
};

/// For those who listen to the engine.
struct Settled {
  JobState state = JobState::queued;
  std::string error;
};

struct Effects {
  JobId job;
  int attempt = 0;
  Moment at; ///< when it was decided

  // --- for the database -----------------------------------------------------------------------
  std::optional<JobChange> row; ///< nothing: the task is not ours any more
  std::int64_t late_polls = 0;  ///< of the attempt, if its row has moved meanwhile
  std::int64_t late_gaps = 0;   ///< the same
  std::vector<LogLine> lines;
  std::optional<LogGap> gap;
  std::optional<RequestEnd> request; ///< nothing: no request is behind it
  KeepRequest keep = KeepRequest::all;
  bool give_back = false;                      ///< the request was never sent
  std::optional<DayShare> also_paid;           ///< a day rolled meanwhile: it counts on both
  std::optional<std::int64_t> spent_by_others; ///< of a day's budget of so many requests the rest
  bool counts_as_start = false;                ///< for the forecast of starts
  std::optional<SeenEnd> seen_end;             ///< counted if the row is still ours
  std::vector<RunRow> learnt;                  ///< what the schedule made of the end
  std::vector<std::string> forgotten;          ///< keys of runs that the schedule no longer needs

  // --- for the memory -------------------------------------------------------------------------
  BreakerNotice breaker;
  ScheduleNotice schedule;
  PollFailures failures; ///< of the task from now on
  bool heard = false;    ///< a report of the task came
  std::string gap_told;  ///< why lines may be missing; empty: nobody needs to hear of it now
  std::optional<Settled> settled;
};

} // namespace kdq
