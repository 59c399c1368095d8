// What one transaction is to begin, and what it did begin. Plain values.
#pragma once

#include "poller/engine/requests/shares.h"
#include "poller/schedule/open_task.h"
#include "store/dependencies.h"
#include "store/job_queue.h"
#include "store/quota_key.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace kdq {

// Bounds of one transaction: with both it holds the write lock for under a millisecond
// (tests/bench/holds).
inline constexpr std::size_t batch_polls = 64;
inline constexpr std::size_t batch_starts = 32;

/// When something will be due or allowed that is not now.
struct WakeUp {
  SteadyTime at = SteadyTime::max();
  void by(SteadyTime moment) { at = std::min(at, moment); }
};

struct RoundPlan {
  static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

  /// Rows and jobs that the plan may have; few after one of them was refused.
  std::size_t most = no_limit;

  // --- room, and who has how much of it ---------------------------------------------------------
  Shares poll_places;              ///< on the wire
  Shares start_places;             ///< on the wire
  Shares running_places;           ///< of max_running
  bool any_place_to_run = false;   ///< of max_running, whomever it is kept for
  std::set<std::string> held_apps; ///< no starts: their polls come first
  /// Starts of today for jobs without schedule; an app that is not in it keeps none for the others.
  std::map<std::string, std::int64_t> unreserved;

  std::vector<DuePoll> polls;
  std::vector<QueueScan::Entry> starts;
  std::vector<QueueScan> scans;              ///< rows to be set aside
  std::vector<QueueScan::Entry> unstartable; ///< their app is not configured
  std::vector<JobId> expired;
  std::vector<Dependencies::Hopeless> hopeless;
  bool settle_needs = false; ///< something has ended for which jobs may wait
  bool promote = false;
  WakeUp wake;

  /// How many more scripts of an app may be started.
  std::size_t start_room(const std::string& app) const {
    return held_apps.contains(app) ? 0 : std::min(start_places.room(app), running_places.room(app));
  }
  std::size_t size() const {
    return polls.size() + starts.size() + scans.size() + unstartable.size() + expired.size() +
           hopeless.size() + (settle_needs ? 1 : 0) + (promote ? 1 : 0);
  }
  bool is_empty() const { return size() == 0; }
  std::size_t room() const { return most - std::min(most, size()); }
  /// Takes over as many of them as there is room for.
  template <class Row>
  void add(std::vector<Row>& to, std::vector<Row> found) const {
    if (found.size() > room())
      found.erase(found.begin() + static_cast<std::ptrdiff_t>(room()), found.end());
    to = std::move(found);
  }
};

struct Begun {
  struct Poll {
    Intent intent;
    SteadyTime due{};
    QuotaKey paid_from;
  };
  struct Start {
    Intent intent;
    ClaimedJob job;
    QuotaKey paid_from;
  };
  struct Refused { ///< ended without a request
    JobId job;
    JobState end;
    std::string error;
  };
  std::vector<Poll> polls;
  std::vector<Start> starts;
  std::vector<JobId> gone;     ///< polls of jobs that do not run any more
  bool missed = false;         ///< some start is not to be made any more
  std::vector<JobId> unpaid;   ///< polls without budget
  std::vector<QuotaKey> spent; ///< budgets with nothing left
  std::vector<Refused> refused;
};

} // namespace kdq
