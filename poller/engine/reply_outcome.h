// What a delivery means for its job. Pure: reads the reply, changes nothing.
#pragma once

#include "poller/api/kdocs_api.h"
#include "poller/transport.h"
#include "store/job_queue.h"
#include "store/quota_ledger.h"
#include "store/result_log.h"
#include "store/spill_file.h"

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kdq {

/// For so long after it was sent the service may still act upon a request whose reply nobody got.
inline constexpr std::chrono::minutes longest_request{2};

/// What the engine remembers of a request that is on its way.
struct InFlight {
  RequestId id;
  JobId job;
  int attempt = 0;
  Endpoint endpoint = Endpoint::submit;
  QuotaKey paid_from;
  WallTime sent_at;
  SteadyTime sent_steady{};
  std::string token; ///< the access token it carries; never shown
  TaskId task;       ///< of a status request; not shown in texts
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
  kdocs_api::StatusReport report;
};
/// No usable report: ask again, unless the same happened too often.
struct NoReport {
  kdocs_api::ErrorClass error_class = kdocs_api::ErrorClass::retry;
  std::string reason;
};

using Meaning = std::variant<Started, PutBack, NotConfirmed, StartFailed, Reported, NoReport>;

struct ReplyOutcome {
  InFlight request;
  RequestEnd end;             ///< for the request's row
  bool sent = true;           ///< false: no byte left, nothing was spent
  std::vector<LogLine> lines; ///< to be stored, whatever becomes of the job
  std::string gap;            ///< why lines may be missing; empty: none are
  Meaning meaning;
  std::optional<kdocs_api::ServiceError> refusal; ///< for the app's gate
};

/// Reads one delivery. All its texts are free of the request's secrets.
ReplyOutcome judge(InFlight request, Delivery delivery);

/// Until when the lines were written that a status request took, if its report is not to be had.
WallTime lines_taken_until(const ReplyOutcome& outcome, WallTime now);

/// A judged reply as the spill file keeps it, and back to what judge() takes.
SpilledReply to_spill(const ReplyOutcome& outcome);
Delivery from_spill(SpilledReply reply);

} // namespace kdq
