// A queue that went back in time: what it believes to be open is held until a person decides.
#pragma once

#include "store/base/time.h"
#include "store/generation.h"
#include "store/held_jobs.h"

#include <cstddef>
#include <optional>
#include <string>

namespace kdq {

class Clock;
class Database;
class Events;
class JobQueue;
class RequestLog;
class ResultLog;

/// What a restored file calls running may have ended, what it calls queued may have run since. Its
/// jobs become `unconfirmed`, whatever their on_unconfirmed says, before anything is sent.
class RestoredQueue {
public:
  RestoredQueue(Database& database, JobQueue& queue, RequestLog& requests, ResultLog& log,
                const Clock& clock, Events& events);

  /// At a start, before the daemon's row says that it runs: finds out whether the file is older
  /// than what was last worked with; then is_holding(), and nothing runs in it any more. To be run
  /// again after a StoreUnavailable.
  void begin(Moment now);
  /// Whether begin() came to its end.
  bool has_begun() const { return known_.has_value(); }

  /// Under the running engine: whether the file is not the one that was written last.
  bool went_back();
  /// It is to be held, then. Outside of a transaction, as begin().
  void take_up(Moment now);

  /// Jobs of the queue are still to be held: nothing may be started.
  bool is_holding() const { return holding_.has_value(); }
  /// Why lines of what ran may be missing; empty: nothing is being held.
  std::string gap() const;
  /// Holds the next ones, if it is time for that; one short transaction.
  void work();
  /// When work() has something to do; far future: never.
  SteadyTime next_wake() const { return holding_ ? next_batch_ : SteadyTime::max(); }

  /// Whether the generation was counted up long ago.
  bool is_old(SteadyTime now) const;
  /// Inside of Database::write().
  void count_up();
  /// The transaction of the last count_up() was committed.
  void committed(SteadyTime now);
  /// After Database::durable(): notes beside the database how far it is.
  void note_beside();

private:
  FileOrigin origin();
  void hold(const std::optional<std::string>& why, const Generation& settled, Moment now);
  void hold_unfinished(Moment now);

  Database& database_;
  JobQueue& queue_;
  RequestLog& requests_;
  ResultLog& log_;
  const Clock& clock_;
  Events& events_;
  GenerationTable table_;
  HeldJobs held_jobs_;
  GenerationFile file_;
  std::optional<Generation> known_; ///< of the table, as committed; nothing: not begun
  std::int64_t next_number_ = 0;    ///< counted up, but not known to be committed
  std::int64_t beside_ = -1;        ///< the number in the file; -1: none
  std::optional<Holding> holding_;  ///< as in the table
  std::size_t held_ = 0;            ///< since it began
  std::string told_;                ///< what is wrong with the file
  SteadyTime counted_at_{};
  SteadyTime next_batch_{};
};

} // namespace kdq
