// What the service asked to wait for: no request of that app and endpoint before, restarts or not.
#pragma once

#include "poller/clock.h"
#include "poller/transport.h"

#include <SQLiteCpp/Database.h>

#include <cstddef>
#include <string>
#include <vector>

namespace kdq::sim {

/// For runs in which the civil clock is not set: over a restart a pause is kept as a civil time.
class AskedWaits {
public:
  /// The daemon takes a reply; `app`: its name.
  void replied(const std::string& app, bool start, const Delivery& delivery, Moment now);
  void before_send(const std::string& app, bool start, SteadyTime now);
  /// After a tick. `disturbed`: somebody's lock or the disk may keep the daemon from writing.
  void look(SQLite::Database& database, bool disturbed, SteadyTime now);
  /// The daemon ended. What it had not saved by then, nobody knows; what it had must be there.
  void daemon_ended(SQLite::Database& database, SteadyTime now);
  /// What was saved is what was saved in the backup; the daemon that lives has it in memory.
  void restored(SteadyTime now);

  std::size_t count() const { return count_; }
  bool any() const { return !waits_.empty(); }
  bool any_unsaved() const;
  const std::vector<std::string>& violations() const { return violations_; }

private:
  struct AskedWait {
    std::string app;
    bool start = false;
    SteadyTime since;
    SteadyTime until;
    WallTime until_wall;
    bool saved = false;
  };
  static bool is_saved(SQLite::Database& database, const AskedWait& wait);

  std::vector<AskedWait> waits_;
  SteadyTime undisturbed_since_{};
  std::size_t count_ = 0;
  std::vector<std::string> violations_;
};

} // namespace kdq::sim
