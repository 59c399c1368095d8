// Makes the backups that the configuration wants.
#pragma once

#include "poller/settings.h"
#include "store/background_copy.h"
#include "store/backup_table.h"

#include <optional>
#include <string>

namespace kdq {

class Clock;
class Database;
class Events;

/// For the engine, which calls it in its ticks. At most one copy is being made.
class Backups {
public:
  Backups(const BackupSettings& wanted, Database& database, const Clock& clock, Events& events);
  ~Backups();
  Backups(const Backups&) = delete;
  Backups& operator=(const Backups&) = delete;

  /// From the next one on.
  void configure(const BackupSettings& wanted);
  /// Says in the table what is wanted. Inside of Database::write().
  void note_settings(WallTime now);
  /// Begins one if it is due; notes it when it is done, and removes those that are too many. What
  /// fails is told and tried again later; throws what the store throws.
  void work();
  /// When a tick is wanted for it; far future: none are wanted.
  SteadyTime next_wake() const { return wake_; }

private:
  void begin_if_due(Moment now);
  void end(Moment now);
  void failed(const std::string& sentence, Moment now);

  BackupSettings wanted_;
  Database& database_;
  const Clock& clock_;
  Events& events_;
  BackupTable table_;
  std::optional<BackgroundCopy> copy_;
  int failures_ = 0; ///< in a row
  SteadyTime not_before_{};
  SteadyTime wake_ = SteadyTime::max();
};

} // namespace kdq
