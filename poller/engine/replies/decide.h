// What follows from a reply. Pure: no store, no clock, no schedule; tested by tables.
#pragma once

#include "poller/engine/replies/effects.h"

#include <cstdint>
#include <string>

namespace kdq {

/// What decide() needs to know beside the reply and its task.
struct Facts {
  RetryPolicy retry;            ///< to be read if needs_retry_policy()
  bool log_lacks_frame = false; ///< the stored log, to be read if frame_to_look_for()
  std::optional<std::int64_t>
      spent_by_others;               ///< the refusal means that the day's so many requests
                                     ///< are used up, by other clients of the app
  std::optional<DayShare> also_paid; ///< the service may have counted it on another day
  bool keep_raw = false;             ///< all raw bodies stay
  std::uint64_t random = 0;          ///< for the waits
};

/// Whether the job may run again because of this reply: its columns say how often.
bool needs_retry_policy(const ReplyOutcome& outcome);

/// The first and the last line of a complete log; empty: not looked for.
struct LogFrame {
  std::string opening;
  std::string closing;
};
/// What the log stored so far must have, so that it is complete with this reply's lines behind it;
/// nothing if they have both ends, or if the log has not ended.
std::optional<LogFrame> frame_to_look_for(const ReplyOutcome& outcome);

/// Until when the service acted upon a request that was sent, or may yet do so.
WallTime acted_until(const RequestEnd& end, WallTime now);

/// `task`: of the reply's job, if it is in the engine's hands. It may be of a later attempt.
Effects decide(ReplyOutcome outcome, const Task* task, const Facts& facts, Moment now);

// --- without a reply ---------------------------------------------------------------------------

/// The job that was claimed cannot be sent, whatever the service says.
Effects decide_unsendable(InFlight request, const Task& task, const std::string& error, Moment now);
/// A job is found in `submitting` and no intent says why.
Effects decide_without_intent(const Task& task, const Facts& facts, Moment now);
/// The task was not heard of for longer than the service knows a task: it ends, and lines of it may
/// be lost.
Effects decide_silent(const Task& task, const std::string& error, Moment now);
/// The row of a queued or claimed job that ends without a request.
JobRow ended_unsent(const JobRow& row, EndCause cause, const std::string& error, WallTime now);

} // namespace kdq
