#include "daemon/logging.h"

#include "store/base/time.h"
#include "store/base/utf8.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <cstdlib>

namespace kdq {

namespace {

struct LevelName {
  LogLevel level;
  std::string_view name;
  spdlog::level::level_enum spd;
};
constexpr std::array levels{
    LevelName{LogLevel::debug, "debug", spdlog::level::debug},
    LevelName{LogLevel::info, "info", spdlog::level::info},
    LevelName{LogLevel::warn, "warn", spdlog::level::warn},
    LevelName{LogLevel::error, "error", spdlog::level::err},
};

spdlog::level::level_enum to_spdlog(LogLevel level) {
  return levels[static_cast<std::size_t>(level)].spd;
}

/// `<N>` with the syslog level that sd-daemon(3) names: 3 error, 4 warning, 6 info, 7 debug.
class PriorityPrefix : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    char priority = '7';
    if (message.level >= spdlog::level::err)
      priority = '3';
    else if (message.level == spdlog::level::warn)
      priority = '4';
    else if (message.level == spdlog::level::info)
      priority = '6';
    for (const char c : {'<', priority, '>'})
      out.push_back(c);
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PriorityPrefix>();
  }
};

std::unique_ptr<spdlog::formatter> formatter_for(LogStyle style) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  if (style == LogStyle::journal)
    formatter->add_flag<PriorityPrefix>('N').set_pattern("%N%v");
  else
    formatter->set_pattern("%Y-%m-%d %H:%M:%S.%e %-5l %v");
  return formatter;
}

/// Collects lines and writes them together when it is flushed. The library's own sinks make a
/// system call for each line.
class StreamSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
  explicit StreamSink(std::FILE* stream) : stream_(stream) {}

private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    formatter_->format(message, lines_);
    if (lines_.size() > most_bytes)
      flush_();
  }
  void flush_() override {
    std::fwrite(lines_.data(), 1, lines_.size(), stream_);
    std::fflush(stream_);
    lines_.clear();
  }

  static constexpr std::size_t most_bytes = std::size_t{16} * 1024;
  std::FILE* stream_;
  spdlog::memory_buf_t lines_; ///< not written yet
};

std::string one_line(std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  std::string line;
  line.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      line += c;
      continue;
    }
    line += "\\x";
    line += hex[byte >> 4];
    line += hex[byte & 15];
  }
  return line;
}

/// Of a text that a script may have written; the job's row has all of it.
constexpr std::size_t most_error_bytes = 1000;

std::string job_name(JobId job) {
  return "job " + std::to_string(job.value);
}

} // namespace

std::optional<LogLevel> parse_log_level(std::string_view name) {
  for (const auto& level : levels) {
    if (level.name == name)
      return level.level;
  }
  return std::nullopt;
}

LogStyle detect_log_style(int stderr_fd) {
  if (const char* stream = std::getenv("JOURNAL_STREAM")) {
    struct stat info {};
    if (fstat(stderr_fd, &info) != 0)
      return LogStyle::terminal;
    // systemd.exec(5): decimal device and inode, joined by a colon.
    const std::string ours = std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
    return ours == stream ? LogStyle::journal : LogStyle::terminal;
  }
  const bool by_systemd =
      std::getenv("INVOCATION_ID") != nullptr && std::getenv("NOTIFY_SOCKET") != nullptr;
  return by_systemd ? LogStyle::journal : LogStyle::terminal;
}

Log::Log(LogStyle style, LogLevel level, std::FILE* stream)
    : logger_(
          std::make_unique<spdlog::logger>("kdocs-queued", std::make_shared<StreamSink>(stream))) {
  logger_->set_formatter(formatter_for(style));
  logger_->set_level(to_spdlog(level));
  logger_->flush_on(spdlog::level::warn);
}

Log::~Log() {
  flush();
}

void Log::set_level(LogLevel level) {
  logger_->set_level(to_spdlog(level));
}

bool Log::wants(LogLevel level) const {
  return logger_->should_log(to_spdlog(level));
}

void Log::write(LogLevel level, std::string_view text) {
  if (wants(level))
    logger_->log(to_spdlog(level), one_line(text));
}

void Log::flush() {
  logger_->flush();
}

void LogEvents::recovered(std::size_t running, std::size_t gaps, std::size_t unconfirmed) {
  log_.write(LogLevel::info, "going on with " + std::to_string(running) + " running scripts");
  if (gaps > 0)
    log_.write(LogLevel::warn, std::to_string(gaps) +
                                   " status requests of the last run had no answer: log lines may "
                                   "be missing; each place is marked by a gap row in the logs");
  if (unconfirmed > 0)
    log_.write(LogLevel::warn,
               std::to_string(unconfirmed) +
                   " starts of the last run had no answer: it is unknown whether "
                   "these scripts ran (SELECT * FROM jobs WHERE state = 'unconfirmed')");
}

void LogEvents::submitted(JobId job, int attempt) {
  if (log_.wants(LogLevel::debug))
    log_.write(LogLevel::debug, job_name(job) + " was sent, attempt " + std::to_string(attempt));
}

void LogEvents::polled(JobId job, WallTime due) {
  if (log_.wants(LogLevel::debug))
    log_.write(LogLevel::debug, job_name(job) + " is asked, due at " + to_text(due));
}

void LogEvents::settled(JobId job, JobState state, std::string_view error) {
  const bool bad =
      state == JobState::failed || state == JobState::timed_out || state == JobState::unconfirmed;
  if (!log_.wants(bad ? LogLevel::warn : LogLevel::info))
    return;
  std::string text = job_name(job) + " " + std::string(to_text(state));
  if (!error.empty())
    text += ": " + shortened(error, most_error_bytes);
  log_.write(bad ? LogLevel::warn : LogLevel::info, text);
}

void LogEvents::gap(JobId job, int attempt, std::string_view reason) {
  log_.write(LogLevel::warn,
             job_name(job) + ", attempt " + std::to_string(attempt) +
                 ": log lines may be missing: " + shortened(reason, most_error_bytes));
}

void LogEvents::trouble(std::string_view sentence) {
  log_.write(LogLevel::error, sentence);
}

void LogEvents::waiting(std::string_view sentence) {
  log_.write(LogLevel::warn, sentence);
}

void LogEvents::relief(std::string_view sentence) {
  log_.write(LogLevel::info, sentence);
}

} // namespace kdq
