// What a delivery means for its job. Pure: reads the reply, changes nothing.
#pragma once

#include "poller/api/kdocs_api.h"
#include "poller/engine/in_flight.h"
#include "poller/transport.h"
#include "store/request_log.h"

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kdq {

struct SpilledReply;

/// How a request ended. All its texts are free of the request's secrets.
struct RequestEnd {
  InFlight request;
  RequestOutcome outcome = RequestOutcome::report;
  int http_status = 0; ///< 0: none
  std::string body;    ///< the raw bytes, whole or cut off; without the access token
  std::string reason;  ///< why there is no complete reply

  /// Whether a byte of it left; if not, nothing was spent.
  bool sent() const { return outcome != RequestOutcome::not_sent; }
};

/// The script was started.
struct Started {
  TaskId task;
};
/// Certainly not started, and through no fault of the job: it goes back to the queue.
struct PutBack {
  std::string reason;
};
/// The start may have happened: the job's on_unconfirmed decides.
struct NotConfirmed {
  std::string reason;
};
/// The start failed for a reason that is the job's.
struct StartFailed {
  std::string error;
};
/// The service said how the task stands.
struct Reported {
  kdocs_api::StatusReport report; ///< its lines are in ReplyOutcome::lines
};
/// No usable report: ask again, unless the same happened too often.
struct NoReport {
  kdocs_api::ErrorClass error_class = kdocs_api::ErrorClass::retry;
  std::string reason; ///< empty: nobody is left to tell it
  /// What a reply that is damaged, or was cut off, said before: that the script has ended.
  std::optional<kdocs_api::StatusReport> end = std::nullopt;
};

using Meaning = std::variant<Started, PutBack, NotConfirmed, StartFailed, Reported, NoReport>;

/// What of a long reply comes behind the lines that are stored next.
struct LogRest {
  std::string body; ///< as received
  kdocs_api::LogEntries entries;
};

struct ReplyOutcome {
  RequestEnd end;
  std::vector<LogLine> lines;  ///< to be stored, whatever becomes of the job
  std::size_t entries = 0;     ///< of the reply, of which these were made
  std::optional<LogRest> rest; ///< nothing: these are the last ones
  std::optional<kdocs_api::ScriptProgress>
      progress;    ///< by the last line that says it, of those before these, too
  std::string gap; ///< why lines may be missing; empty: none are
  Meaning meaning;
  std::optional<kdocs_api::ServiceError> refusal; ///< for the app's circuit breaker
};

/// Reads one delivery.
ReplyOutcome judge(InFlight request, Delivery delivery);

/// Of a reply with a rest: its lines are stored, and the next ones take their place. Only with the
/// last ones it is to be decided: `gap` may come with any.
void next_piece(ReplyOutcome& outcome);
/// Of a reply with a rest: its job or its intent was deleted.
void drop_lines(ReplyOutcome& outcome);

/// Of a request whose reply, if there was one, is gone: with the process that waited for it, or for
/// this reason.
ReplyOutcome judge_lost(InFlight request, const std::string& reason = {});

/// A reply as the spill file keeps it, and back to what judge() takes.
SpilledReply to_spill(const RequestEnd& end);
Delivery from_spill(SpilledReply reply);

} // namespace kdq
