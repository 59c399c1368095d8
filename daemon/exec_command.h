// `kdocs-queued exec` and `kdocs-queued follow`: a job from a shell script, by SQL like
// everybody's.
#pragma once

#include "daemon/config.h"
#include "store/base/ids.h"

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

namespace kdq {

/// What a job is to be, as the command line has it.
struct ExecOptions {
  std::string file_token;
  std::string script; ///< a file; `-`: standard input
  std::optional<std::string> app;
  std::optional<std::string> argv;
  std::optional<std::string> name;
  std::optional<std::int64_t> timeout_s;
  bool cancel_on_interrupt = false;
};

/// What is printed of it.
struct FollowOptions {
  bool result = false;
  bool json = false;
};

/// Enqueues the script as a job, and follows it to its end. Returns the exit code
/// (daemon/follow_report.h, and 128 + its number after a signal). Throws std::exception with a
/// sentence: nothing was enqueued.
int exec_script(const Config& config, const ExecOptions& exec, const FollowOptions& options,
                std::ostream& out, std::ostream& err);

/// Follows a job that is there, from the first line of its last attempt on; it may have ended.
/// Returns the exit code. Throws std::exception: there is no queue to look into.
int follow_job(const Config& config, JobId job, const FollowOptions& options, std::ostream& out,
               std::ostream& err);

/// The script's text, from a file, or from the descriptor `in` for `-`. Throws std::runtime_error
/// if it cannot be read, is empty, is no UTF-8, or has more than `max_bytes`.
std::string read_script(const std::string& name, int in, std::int64_t max_bytes);

} // namespace kdq
