// Jobs of which the database refuses what is to be written: each waits by itself, others go on.
#pragma once

#include "store/status_tables.h"

#include <cstddef>
#include <map>
#include <set>
#include <string>

namespace kdq {

class Clock;
class Database;
class Events;
struct StoreUnavailable;

/// What refuses is a user's: a trigger or an index. Mostly it minds one job (a result that is no
/// number, a name that is there already), and that one must not keep all others from their ends.
class RefusedJobs {
public:
  RefusedJobs(Database& database, StatusTables& tables, const Clock& clock, Events& events)
      : database_(database), tables_(tables), clock_(clock), events_(events) {}

  /// Whether this failure may be a matter of one job alone, which add() takes then. A write that
  /// held the lock for too long is none: everybody is to rest after it. Nor is one more than so
  /// many at once: then all are refused.
  bool takes(const StoreUnavailable& error) const;
  /// What was written for this job alone was refused: it rests, longer each time in a row. `what`
  /// stands before the job's number: "the start of".
  void add(JobId job, const std::string& what, const StoreUnavailable& error);
  /// It was written.
  void passed(JobId job);

  /// In the past: it does not rest.
  SteadyTime rests_until(JobId job) const;
  bool rests(JobId job, SteadyTime now) const { return rests_until(job) > now; }
  std::set<JobId> resting(SteadyTime now) const;
  /// When the next of them is to be tried again; far future: none rests.
  SteadyTime next_try(SteadyTime now) const;

  /// What has refused them may be gone.
  void notice_schema();
  /// The file was restored: others may have these ids now.
  void clear();
  /// Once a tick: forgets those that nobody tries any more, such as cancelled ones, and shows the
  /// others in the database; returns whether there are others than it showed before. Throws
  /// StoreUnavailable if that cannot be written just now.
  bool work();
  /// Empty: there is none.
  std::string sentence() const;

private:
  struct Rest {
    RefusedJob shown;
    SteadyTime until{};
    int failures = 0; ///< in a row
  };

  void forget(std::map<JobId, Rest>::iterator rest);

  Database& database_;
  StatusTables& tables_;
  const Clock& clock_;
  Events& events_;
  std::map<JobId, Rest> jobs_;
  bool changed_ = false; ///< since they were shown
};

} // namespace kdq
