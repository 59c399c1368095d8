// Deletes what the configuration does not want kept any longer, a little at a time.
#pragma once

#include "poller/settings.h"
#include "store/retention.h"

#include <vector>

namespace kdq {

class Clock;
class Database;
class Events;
struct StoreUnavailable;

/// For the engine, which calls it in its ticks while no reply waits to be stored.
class Housekeeping {
public:
  Housekeeping(const RetentionSettings& wanted, Database& database, Clock& clock, Events& events);

  /// From now on; begins anew.
  void configure(const RetentionSettings& wanted);
  /// Looks whether something is to be deleted, if it is time for that; at most one short
  /// transaction. What cannot be written now is tried later: this throws StoreBroken only.
  void work();

  /// When a tick is wanted for it; far future: all is kept for ever.
  SteadyTime next_wake() const { return wake_; }

private:
  /// What is looked for, one after the other.
  enum class Search { ended, logs, size };
  struct Step {
    bool wrote = false;
    bool more = false; ///< the search has not come to its end
  };
  void search(Moment now);
  void failed(const StoreUnavailable& error, SteadyTime now);
  Step step(Search what, Moment now);
  Step remove_until(WallTime ended);
  Step clear_until(WallTime ended);

  RetentionSettings wanted_;
  Database& database_;
  Clock& clock_;
  Events& events_;
  int failures_ = 0; ///< in a row
  Retention retention_;
  std::vector<Search> searches_;
  std::size_t current_ = 0;
  EndedPlace place_;           ///< how far the current search for jobs has come
  EndedPlace cleared_;         ///< of the jobs up to here the log lines are gone
  bool cleared_known_ = false; ///< it was read from the database
  SteadyTime ready_{};         ///< not before, whoever calls
  SteadyTime wake_ = SteadyTime::max();
};

} // namespace kdq
