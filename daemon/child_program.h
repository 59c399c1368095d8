// A program that runs beside the daemon: started without a shell, followed without a thread.
#pragma once

#include "store/base/unique_fd.h"

#include <sys/types.h>

#include <string>
#include <vector>

namespace kdq {

/// In a process group of its own, in the folder `/`, with no descriptor of the daemon's, no signal
/// blocked or ignored, and this environment: PATH, LANG=C.UTF-8, and of the daemon's own TZ, the
/// proxies (https_proxy, no_proxy, also in capitals) and CREDENTIALS_DIRECTORY. Standard input is
/// a file in memory, so that nobody waits for a program that does not read it.
class ChildProgram {
public:
  /// `argv`: the full path first. Throws std::runtime_error with a sentence if it cannot be
  /// started; then nothing runs.
  ChildProgram(const std::vector<std::string>& argv, const std::string& input);
  /// Kills what still runs of it.
  ~ChildProgram();
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  /// Readable once it has ended.
  int fd() const { return pidfd_.get(); }
  /// Takes what it has written; to be called now and then, as it waits for that. Whether it has
  /// ended: then what it has started and left running is killed, and only end() may follow.
  bool look();
  /// Sends the signal to it and all that it has started; before look() says that it has ended.
  void signal(int number) const;

  /// The first 4 KiB of what it wrote to standard output and error, as UTF-8 without control
  /// characters (but for line breaks and tabs), without line breaks at its end.
  std::string output() const;
  /// Why it counts as failed: `exit code 1`, `ended by signal 9`; empty: it ended with 0.
  std::string end() const;

private:
  void read_output();
  void reap();

  pid_t pid_ = -1; ///< -1: it was waited for
  UniqueFd pidfd_;
  UniqueFd output_fd_;
  std::string output_;
  int code_ = 0;
  bool by_signal_ = false;
};

} // namespace kdq
