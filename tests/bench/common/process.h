// A program that a benchmark starts, and what the kernel knows of its costs.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace kdq::bench {

/// What a running process has used so far, from /proc (proc(5)).
struct Usage {
  std::chrono::nanoseconds cpu{0};    ///< all threads, as the scheduler counts it
  std::int64_t wakeups = 0;           ///< voluntary context switches of all threads
  std::int64_t disk_bytes = 0;        ///< write_bytes: pages made dirty
  std::int64_t written_bytes = 0;     ///< wchar: handed to write(), sockets excluded
  std::int64_t peak_memory_bytes = 0; ///< VmHWM
};

/// Throws std::runtime_error if there is no such process.
Usage usage_of(pid_t process);
Usage operator-(const Usage& after, const Usage& before); ///< the peak is `after`'s

/// What a process that has ended used from its start to its end (wait4(2)).
struct EndedProcess {
  int exit_code = 0; ///< 128 + signal if one ended it
  std::chrono::microseconds cpu{0};
};

/// Owns one child process; it is killed if it is still there at the end, and dies with this
/// process.
class Process {
public:
  /// Its output goes to `output` (appended). `environment`: NAME=VALUE, added to this process's.
  /// Throws std::system_error if it cannot be started.
  Process(const std::vector<std::string>& command, const std::filesystem::path& output,
          const std::vector<std::string>& environment = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t id() const { return id_; }
  Usage usage() const { return usage_of(id_); }
  bool running();
  /// Asks with SIGTERM to end, and waits for it.
  EndedProcess stop();
  /// Waits for it to end by itself.
  EndedProcess wait();

private:
  pid_t id_ = -1;
};

/// A folder that goes with its contents at the end.
class WorkFolder {
public:
  /// A new one inside of `parent`.
  explicit WorkFolder(const std::filesystem::path& parent);
  ~WorkFolder();
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

/// The folder of the program that is running.
std::filesystem::path own_folder();

std::string read_text(const std::filesystem::path& file);

} // namespace kdq::bench
