// What users tell the running engine by the tables: pauses, watches, and jobs that they cancel.
#pragma once

#include "store/base/time.h"
#include "store/status_tables.h"

namespace kdq {

class Database;
class Events;
class JobQueue;
class ScheduledTasks;

class UserChanges {
public:
  UserChanges(Database& database, JobQueue& queue, StatusTables& status_tables,
              ScheduledTasks& tasks, Events& events)
      : database_(database), queue_(queue), status_tables_(status_tables), tasks_(tasks),
        events_(events) {}

  /// Whether another connection has committed since the last call.
  bool notice();
  /// Reads what was noticed. Throws StoreUnavailable: the next call reads it.
  void read(Moment now);
  /// As of the last read().
  const Pauses& pauses() const { return pauses_; }

private:
  Database& database_;
  JobQueue& queue_;
  StatusTables& status_tables_;
  ScheduledTasks& tasks_;
  Events& events_;
  Pauses pauses_;
  bool unread_ = false; ///< noticed, and not read
};

} // namespace kdq
