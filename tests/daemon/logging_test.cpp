#include "daemon/logging.h"

#include "store/base/time.h"
#include "tests/daemon/scoped_env.h"
#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdio>
#include <memory>

using namespace kdq;
using namespace kdq::test;
using namespace std::string_literals;

namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

/// What `part` logs.
template <class Part>
std::string logged(LogStyle style, LogLevel level, Part part) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::tmpfile());
  {
    Log log(style, level, file.get());
    part(log);
  }
  std::rewind(file.get());
  std::string text(100'000, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  return text;
}

void one_of_each(Log& log) {
  log.write(LogLevel::debug, "d");
  log.write(LogLevel::info, "i {} %s");
  log.write(LogLevel::warn, "w");
  log.write(LogLevel::error, "e");
}

} // namespace

TEST_CASE("for the journal each line begins with its priority and has no time") {
  CHECK(logged(LogStyle::journal, LogLevel::debug, one_of_each) ==
        "<7>d\n<6>i {} %s\n<4>w\n<3>e\n");
}

TEST_CASE("levels below the chosen one are left out") {
  CHECK(logged(LogStyle::journal, LogLevel::warn, one_of_each) == "<4>w\n<3>e\n");
}

TEST_CASE("for a person each line has time and level") {
  std::string text = logged(LogStyle::terminal, LogLevel::info,
                            [](Log& log) { log.write(LogLevel::warn, "text"); });
  for (char& c : text)
    c = c >= '0' && c <= '9' ? '9' : c;
  CHECK(text == "9999-99-99 99:99:99.999 warning text\n");
}

TEST_CASE("a text with line breaks and control characters stays one line") {
  const std::string text = logged(LogStyle::journal, LogLevel::info, [](Log& log) {
    log.write(LogLevel::info, "a\n<0>b\x1b[31m\0\x7f 执行完毕"s);
  });
  CHECK(text == "<6>a\\x0a<0>b\\x1b[31m\\x00\\x7f 执行完毕\n");
}

TEST_CASE("a long error of a script is cut off in the log") {
  const std::string text = logged(LogStyle::journal, LogLevel::info, [](Log& log) {
    LogEvents events(log);
    events.settled(JobId{8}, JobState::failed, std::string(1001, 'x'));
    events.gap(JobId{9}, 1, std::string(1'000'000, 'y'));
  });
  CHECK(text.find("<4>job 8 failed: " + std::string(1000, 'x') + "…\n") != std::string::npos);
  CHECK(text.size() < 2200);
}

TEST_CASE("lines wait for each other until a warning, or until they are asked for") {
  const std::unique_ptr<std::FILE, CloseFile> file(std::tmpfile());
  const auto written = [&] {
    struct stat info {};
    REQUIRE(::fstat(::fileno(file.get()), &info) == 0);
    return info.st_size;
  };
  Log log(LogStyle::journal, LogLevel::info, file.get());
  log.write(LogLevel::info, "a");
  CHECK(written() == 0);
  log.write(LogLevel::warn, "b");
  CHECK(written() == 10);
  log.write(LogLevel::info, "c");
  CHECK(written() == 10);
  log.flush();
  CHECK(written() == 15);
  log.write(LogLevel::info, std::string(20'000, 'd'));
  CHECK(written() > 20'000); // a limit to what waits
}

TEST_CASE("the style is journal only if stderr is the journal's stream") {
  const TempDir dir;
  const std::unique_ptr<std::FILE, CloseFile> file(std::tmpfile());
  const int fd = ::fileno(file.get());
  struct stat info {};
  REQUIRE(::fstat(fd, &info) == 0);
  const std::string ours = std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
  const ScopedEnv invocation("INVOCATION_ID", "0123");
  const ScopedEnv notify("NOTIFY_SOCKET", "/run/systemd/notify");
  {
    const ScopedEnv stream("JOURNAL_STREAM", ours.c_str());
    CHECK(detect_log_style(fd) == LogStyle::journal);
  }
  {
    const ScopedEnv stream("JOURNAL_STREAM", "1:2"); // redirected since
    CHECK(detect_log_style(fd) == LogStyle::terminal);
  }
  const ScopedEnv stream("JOURNAL_STREAM", nullptr);
  CHECK(detect_log_style(fd) == LogStyle::journal);
  const ScopedEnv no_notify("NOTIFY_SOCKET", nullptr);
  CHECK(detect_log_style(fd) == LogStyle::terminal);
}

TEST_CASE("the names of log levels are those of the configuration") {
  CHECK(parse_log_level("debug") == LogLevel::debug);
  CHECK(parse_log_level("error") == LogLevel::error);
  CHECK_FALSE(parse_log_level("trace"));
  CHECK_FALSE(parse_log_level("Error"));
  CHECK_FALSE(parse_log_level(""));
}

TEST_CASE("what the engine tells becomes log lines with fitting levels") {
  const std::string text = logged(LogStyle::journal, LogLevel::debug, [](Log& log) {
    LogEvents events(log);
    events.recovered(2, 0, 0);
    events.recovered(0, 1, 3);
    events.submitted(JobId{7}, 1);
    events.polled(JobId{7}, *parse_time("2026-01-01 00:00:00.250"));
    events.settled(JobId{7}, JobState::succeeded, "");
    events.settled(JobId{8}, JobState::failed, "no such file");
    events.gap(JobId{9}, 2, "the reply was cut off");
    events.trouble("the disk is full");
    events.relief("the disk has room again");
    events.waiting("no start is left today");
  });
  CHECK(text.starts_with(
      "<6>going on with 2 running scripts\n<6>going on with 0 running scripts\n<4>1 "));
  CHECK(text.find("\n<4>3 starts of the last run") != std::string::npos);
  CHECK(text.find(
            "\n<7>job 7 was sent, attempt 1\n<7>job 7 is asked, due at 2026-01-01 00:00:00.250\n"
            "<6>job 7 succeeded\n<4>job 8 failed: no such file\n"
            "<4>job 9, attempt 2: log lines may be missing: the reply was cut off\n"
            "<3>the disk is full\n<6>the disk has room again\n<4>no start is left today\n") !=
        std::string::npos);
}
