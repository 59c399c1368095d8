// The requests that are on their way, and what the engine remembers of them.
#pragma once

#include "store/job.h"
#include "store/quota_key.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace kdq {

/// For so long after it was sent the service may still act upon a request whose reply nobody got.
inline constexpr std::chrono::minutes longest_request{2};

/// One request from its intent on.
struct InFlight {
  RequestId id; ///< given by InFlightTable
  Intent intent;
  QuotaKey paid_from;
  std::string job_class; ///< of a start: in whose count of that day it is, too; empty: in none
  SteadyTime sent_steady{};
  std::string token;              ///< the access token it carries; never shown
  TaskId task;                    ///< of a status request; not shown in texts
  WallTime log_begins;            ///< of a status request: when its script was started
  WallTime log_complete_until;    ///< of a status request: what was written until then is stored
  std::size_t entries_stored = 0; ///< log entries of its reply that are stored already
  bool of_former_run = false;     ///< an earlier process sent it: its intent was found at the start
  std::optional<WallTime> restored_at; ///< ... or in a file that was restored from a backup then
};

/// Numbers the requests of this process. One is in here until its answer is stored.
class InFlightTable {
public:
  RequestId add(InFlight request);
  /// A number for a request that is about no job, and in no table.
  RequestId next_number() { return RequestId{++last_.value}; }
  /// Hands out the request whose reply has come; nothing if there is none of this number, or if its
  /// reply has come before.
  std::optional<InFlight> answered(RequestId id);
  /// Its answer is stored.
  void remove(RequestId id);
  /// Its answer has come and waits for long to be stored: it takes no place on the wire.
  void set_aside(RequestId id);
  /// Gives it up: what comes in answer is nobody's.
  void abandon(RequestId id);
  /// A reply to a request that was given up; true once.
  bool answers_abandoned(RequestId id) { return abandoned_.erase(id) == 1; }
  std::vector<InFlight> all() const;

  /// Without those set aside.
  std::size_t size() const;
  /// The same of one app.
  std::size_t count(Endpoint endpoint, const std::string& app) const;
  /// Of the app and endpoint of this budget, paid from another day's.
  std::int64_t paid_on_other_days(const QuotaKey& today) const;

private:
  struct Entry {
    InFlight request;
    bool answered = false;
    bool aside = false;
  };
  static std::size_t index(Endpoint endpoint) { return endpoint == Endpoint::submit ? 0 : 1; }

  std::map<RequestId, Entry> requests_;
  std::map<std::string, std::array<std::size_t, 2>> counts_; ///< by app
  RequestId last_;
  std::set<RequestId> abandoned_;
};

} // namespace kdq
