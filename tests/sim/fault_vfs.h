// SQLite's way to the disk, with a hand in it: kills, power cuts, I/O errors and a full disk.
#pragma once

#include "poller/clock.h"
#include "tests/sim/random.h"
#include "tests/sim/unsynced.h"

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kdq::sim {

/// How the daemon touches the world outside of its memory.
enum class Touch : unsigned char {
  wal_write,
  db_write,
  other_write,
  truncate,
  sync,
  remove,
  send,
  read
};

/// A moment at which the daemon can be stopped: just before or just after a touch.
struct Point {
  Touch touch;
  bool after;
};

enum class Death { kill, power };

/// Two VFS objects over SQLite's unix one: the default one, which the daemon's connection gets, and
/// `user_vfs`, for the connections of users. Real files, so that what a killed process leaves is
/// what the kernel would have. Lives as long as any connection; one at a time. Single-threaded.
class FaultVfs {
public:
  static constexpr const char* user_vfs = "kdq-sim-user";

  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  /// A new run: everything planned and counted is forgotten. No connection may be open.
  /// `clock` gives the time that SQL's 'now' has. `recording`: points() and touches() are filled.
  void begin_run(const Clock& clock, bool keep_unsynced, bool recording);
  void end_run();

  // --- death -------------------------------------------------------------------------------
  /// Plans the daemon's death at a point, counted from 0 since begin_run().
  void die_at(std::uint64_t point, Death death);
  /// From its death on nothing that the daemon's connection does has an effect. After a power cut
  /// this holds for the users' as well.
  bool dead() const { return daemon_.dead; }
  Death death() const { return death_; }
  /// After all dead connections were closed: the disk forgets, after a power cut, and new
  /// connections can be opened.
  void come_back(Forget forget, Random& random);
  /// Counts a touch that is not SQLite's; whether the daemon is dead.
  bool touch(Touch what, bool after);

  // --- errors ------------------------------------------------------------------------------
  /// Plans that the daemon's n-th touch fails; `full`: a write with SQLITE_FULL, else SQLITE_IOERR.
  /// `lasting`: so do all touches of the kind after it, until repair(); of a full disk the users'
  /// writes too.
  void fail_at(std::uint64_t touch, bool full, bool lasting);
  /// Ends a failure that lasts.
  void repair();
  bool failing() const { return failing_.has_value(); }
  bool failed() const { return failed_; }

  // --- what was seen -----------------------------------------------------------------------
  const std::vector<Point>& points() const { return points_; }
  const std::vector<Touch>& touches() const { return touches_; }
  std::uint64_t point_count() const { return next_point_; }

  struct Side {
    FaultVfs* owner = nullptr;
    bool is_daemon = false;
    bool dead = false;
    sqlite3_vfs vfs{};
  };

private:
  friend struct VfsCalls;
  /// The code with which a touch fails, if it is to fail.
  std::optional<int> failure(const Side& side, Touch what);
  void die(Death death);

  sqlite3_vfs& real_;
  Side daemon_;
  Side users_;
  const Clock* clock_ = nullptr;
  bool keep_unsynced_ = false;
  bool recording_ = false;
  std::map<std::string, UnsyncedFile> files_; ///< by path; addresses are stable

  std::optional<std::uint64_t> die_at_;
  Death death_ = Death::kill;
  std::uint64_t next_point_ = 0;
  std::vector<Point> points_;

  std::optional<std::uint64_t> fail_at_;
  bool full_ = false;
  bool lasting_ = false;
  std::optional<Touch> failing_; ///< the kind that goes on failing
  bool failed_ = false;
  std::uint64_t next_touch_ = 0;
  std::vector<Touch> touches_;
};

} // namespace kdq::sim
