// One running kdocs-sandbox-engine: its process and the socket that is its stdin and stdout.
#pragma once

#include "store/base/unique_fd.h"
#include "tests/sandbox/stop_event.h"

#include <chrono>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace kdq::sandbox {

/// The destructor kills the process, unless it has ended, and waits for it. To be used by one
/// thread, the one that made it: the engine dies with that thread.
class EngineProcess {
public:
  /// Throws std::system_error if the process cannot be started.
  explicit EngineProcess(const std::string& path);
  ~EngineProcess();
  EngineProcess(const EngineProcess&) = delete;
  EngineProcess& operator=(const EngineProcess&) = delete;

  /// Sends a line, without its end. Throws std::system_error if the engine is gone.
  void send(std::string_view line);

  enum class Received { line, end, deadline, stop };
  /// Waits for the next line; `line` is set without its end. `end`: the engine closed its side.
  Received receive(std::string& line, std::chrono::steady_clock::time_point deadline,
                   const StopEvent& stop);

private:
  UniqueFd socket_;
  pid_t pid_ = -1;
  std::string buffer_;
  std::size_t scanned_ = 0; ///< bytes of buffer_ that hold no line end
};

} // namespace kdq::sandbox
