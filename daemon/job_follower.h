// Follows one job of a queue, beside its daemon, until it ends or a signal comes.
#pragma once

#include "daemon/change_watch.h"
#include "daemon/follow_report.h"
#include "daemon/signals.h"
#include "daemon/system_clock.h"
#include "daemon/wait_set.h"
#include "store/job_client.h"

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace kdq {

/// Waits as the daemon does, for the file to change. From its construction on it takes SIGINT,
/// SIGTERM and SIGHUP; so it is built before what they are to interrupt.
class JobFollower {
public:
  /// `client` must outlive it. `pipe`: stdout, if it is one: then it is known at once that nobody
  /// reads it any more. Throws std::system_error.
  JobFollower(const std::filesystem::path& database, JobClient& client, std::optional<int> pipe);

  /// The exit code. `from`: the last line that need not be told. After a signal the job goes on, or
  /// is cancelled.
  int follow(JobId job, LogPlace from, bool cancel_on_interrupt, FollowReport& report);

private:
  int work(FollowReport& report);
  std::optional<int> step(FollowReport& report);
  std::optional<int> look(FollowReport& report);
  void renew_watch(const FollowedJob& job, FollowReport& report);
  std::optional<int> signalled(FollowReport& report);
  void rest() const;
  std::optional<int> wait(SteadyTime next_tick);
  int interrupted(std::string_view name, int number, FollowReport& report);

  std::vector<int> ignored_; ///< before signals_
  Signals signals_;
  SystemClock clock_;
  std::filesystem::path database_;
  ChangeWatch watch_;
  JobClient& client_;
  std::optional<int> pipe_;
  WaitSet waits_;

  JobId job_;
  LogPlace place_;
  bool cancel_on_interrupt_ = false;
  bool saw_change_ = false; ///< in the last look
  bool told_trouble_ = false;
  bool told_no_watch_ = false;
  SteadyTime next_look_{};
  SteadyTime next_watch_{};
};

} // namespace kdq
