// Notices that another process may have committed to the database.
#pragma once

#include "poller/clock.h"
#include "store/base/unique_fd.h"

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace kdq {

/// Watches the database's folder with inotify. An event is a hint, not proof: it comes before the
/// commit is visible, so after each event several looks are due, after waits of 0.2, 0.4, … 819 ms
/// (measured: looking once missed 502 of 600 INSERTs). Looking itself is the owner's part: after
/// every wait it calls woke(), then looks, then calls looked().
///
/// Commits of this process make events, too. They can come only while it works, that is between
/// woke() and looked(), and get fewer looks; a look makes no event, so there is no endless chain.
class ChangeWatch {
public:
  /// Without inotify (its limits may be exhausted) a faster sweep takes its place; see trouble().
  explicit ChangeWatch(const std::filesystem::path& database);

  /// Readable when a look is due; to be waited for.
  std::vector<int> descriptors() const;

  /// A wait is over: what happened up to now is read.
  void woke();
  /// The owner has looked, and saw a foreign commit or not.
  void looked(bool saw_change, SteadyTime now);
  /// Whether a name that begins with the database's was created, removed or renamed since the last
  /// call, as far as is known.
  bool take_names_changed() { return std::exchange(names_changed_, false); }
  /// A look is due then even if nothing was noticed: inotify cannot see everything.
  SteadyTime next_sweep() const { return next_sweep_; }

  /// Why inotify is not used, as a sentence; empty: it is.
  const std::string& trouble() const { return trouble_; }

private:
  bool read_events();
  void begin_series(std::chrono::microseconds first, int factor);
  void arm(std::chrono::microseconds delay);

  std::string database_name_;
  std::string wal_name_;
  UniqueFd inotify_;
  UniqueFd timer_;
  std::string trouble_;
  bool events_before_look_ = false;
  bool names_changed_ = false;
  std::chrono::microseconds delay_{0}; ///< what the timer was armed with; 0: no look is planned
  int factor_ = 2;
  SteadyTime next_sweep_ = SteadyTime::min();
};

} // namespace kdq
