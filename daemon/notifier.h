// Runs the commands of the setting notify: somebody hears of what happened.
#pragma once

#include "daemon/child_program.h"
#include "poller/settings.h"
#include "store/notifications.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kdq {

class Clock;
class CurlTransport;
class Database;
class Log;

/// One command at a time, and those of one rule in the order of their events. What was begun and
/// not noted as ended is run again by the next start: each is run at least once. One that fails is
/// run again after 10 s, doubled up to 1 h, and given up a day after its first try; what waits for
/// the same command waits behind it, other commands do not.
///
/// Single-threaded; what is passed in must outlive it. The transport wakes up when one ends.
class Notifier {
public:
  Notifier(Database& database, CurlTransport& transport, const Clock& clock, Log& log);
  /// Kills a command that runs; its row waits for the next start.
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// Does what is due. Only commands of `rules` are run, as users can write rows. `left`:
  /// Engine::notices_left(); `foreign`: another connection has committed. Returns when it is to be
  /// called again. Throws StoreBroken; while the database cannot be written no command is begun.
  SteadyTime work(const std::vector<NotifyRule>& rules, std::uint64_t left, bool foreign);
  /// There are other rules than at the last call of work().
  void rules_changed() { look_ = check_ = true; }
  /// No command is begun any more.
  void stop() { stopping_ = true; }
  /// A command runs, or how it ended is not noted yet.
  bool busy() const { return program_ || ended_; }

private:
  struct Ended {
    std::int64_t id = 0;
    std::optional<NoticeFailure> failure; ///< nothing: it worked
  };
  void follow(SteadyTime now);
  void end(const std::string& error);
  void note_end(WallTime now);
  void give_up_others(const std::vector<NotifyRule>& rules, WallTime now);
  void prune(Moment now);
  void begin_next(const std::vector<NotifyRule>& rules, Moment now);
  void begin(WaitingNotice notice, const NotifyRule& rule, Moment now);
  SteadyTime next_wake(SteadyTime now) const;

  Database& database_;
  CurlTransport& transport_;
  const Clock& clock_;
  Log& log_;
  Notifications table_;

  std::optional<ChildProgram> program_; ///< runs
  WaitingNotice notice_;                ///< that it, or the last one, is run for
  WallTime began_;
  std::chrono::seconds limit_{0};
  bool terminated_ = false; ///< because of the limit
  SteadyTime signal_at_{};  ///< when it gets the next signal
  std::optional<Ended> ended_;

  std::uint64_t left_ = 0; ///< as of the last call
  bool look_ = true;       ///< a row may wait
  bool check_ = true;      ///< so may one for which there is no rule
  SteadyTime next_due_ = SteadyTime::max();
  SteadyTime next_prune_{};
  SteadyTime next_try_{}; ///< not before: the database could not be written
  int store_failures_ = 0;
  bool stopping_ = false;
};

} // namespace kdq
