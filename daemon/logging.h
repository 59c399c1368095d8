// Log lines on stderr, for a person at a terminal or for systemd's journal.
#pragma once

#include "poller/events.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
}

namespace kdq {

enum class LogLevel { debug, info, warn, error };
std::optional<LogLevel> parse_log_level(std::string_view name);

enum class LogStyle {
  terminal, ///< `2026-01-31 09:05:00.250 info  text`, UTC like all times of the product
  journal   ///< `<6>text`: sd-daemon(3)'s priority; the journal has its own time
};

/// Journal if stderr is the stream that systemd connected (JOURNAL_STREAM names its device and
/// inode), or, where that is not set, if systemd started this process and listens to it.
LogStyle detect_log_style(int stderr_fd);

/// Each text becomes exactly one line: control characters are shown as \xNN, so that a text which
/// came from elsewhere cannot forge a line. Single-threaded.
class Log {
public:
  Log(LogStyle style, LogLevel level, std::FILE* stream = stderr);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void set_level(LogLevel level);
  /// Whether lines of this level are written: else their texts need not be made.
  bool wants(LogLevel level) const;
  /// Warnings and errors are written at once, with all before them; other lines wait for flush(),
  /// or for the end.
  void write(LogLevel level, std::string_view text);
  void flush();

private:
  std::unique_ptr<spdlog::logger> logger_;
};

/// Writes what the engine tells as log lines. `log` must outlive it.
class LogEvents : public Events {
public:
  explicit LogEvents(Log& log) : log_(log) {}

  void recovered(std::size_t running, std::size_t gaps, std::size_t unconfirmed) override;
  void submitted(JobId job, int attempt) override;
  void polled(JobId job, WallTime due) override;
  void settled(JobId job, JobState state, std::string_view error) override;
  void gap(JobId job, int attempt, std::string_view reason) override;
  void trouble(std::string_view sentence) override;
  void relief(std::string_view sentence) override;
  void waiting(std::string_view sentence) override;

private:
  Log& log_;
};

} // namespace kdq
