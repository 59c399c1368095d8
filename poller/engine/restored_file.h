// What becomes of the memory when somebody restores the database under the running engine.
#pragma once

#include "poller/engine/app_states.h"

#include <cstddef>
#include <vector>

namespace kdq {

class Database;
class InFlightTable;
class JobQueue;
class QuotaLedger;
class ReplyStore;
class RequestLog;
class TaskTable;
struct InFlight;

/// In a restored file a job's id may be another job's, and its intent another request's: nothing
/// that is remembered of rows may be used.
class RestoredFile {
public:
  RestoredFile(Database& database, JobQueue& queue, RequestLog& requests, QuotaLedger& ledger,
               AppStates& apps, const TaskTable& tasks, InFlightTable& in_flight,
               ReplyStore& replies)
      : database_(database), queue_(queue), requests_(requests), ledger_(ledger), apps_(apps),
        tasks_(tasks), in_flight_(in_flight), replies_(replies) {}

  /// Whether what runs, what is on its way and what was spent in the tables is what the engine has
  /// in its hands; users can only take from it. Whatever it is: what was spent of today's quotas
  /// stays spent, and what the tables do not know to be on its way is given up.
  bool is_as_remembered();
  /// Gives up all requests, and what came and is not stored. Returns how many requests there were.
  std::size_t give_up_all();

private:
  void count_on_last_day(const std::vector<InFlight>& requests);
  void give_up(const InFlight& request);

  Database& database_;
  JobQueue& queue_;
  RequestLog& requests_;
  QuotaLedger& ledger_;
  AppStates& apps_;
  const TaskTable& tasks_;
  InFlightTable& in_flight_;
  ReplyStore& replies_;
};

} // namespace kdq
