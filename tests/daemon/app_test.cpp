// The whole daemon in this process, without a service; tests/e2e starts the program.
#include "daemon/app.h"

#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <memory>

using namespace kdq;
using namespace kdq::test;

namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

struct Fixture {
  Fixture() {
    Overrides overrides;
    overrides.database = (dir / "queue.db").string();
    overrides.token_file = dir.file("token", "SECRET").string();
    overrides.base_url = "http://127.0.0.1:1";
    config = load_config(std::nullopt, overrides);
  }
  std::string logged() {
    log.flush();
    std::rewind(file.get());
    std::string text(100'000, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    return text;
  }
  bool says(const std::string& part) { return logged().find(part) != std::string::npos; }

  /// As the file on the disk would be read.
  std::function<Config()> read_config() {
    return [this] {
      if (!wrong.empty())
        throw ConfigError(wrong);
      return next.value_or(config);
    };
  }

  TempDir dir;
  Config config;
  std::optional<Config> next;
  std::string wrong;
  std::unique_ptr<std::FILE, CloseFile> file{std::tmpfile()};
  Log log{LogStyle::journal, LogLevel::info, file.get()};
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a signal that came while it started ends it in order") {
  App app(config, {}, log, read_config());
  REQUIRE(::kill(::getpid(), SIGTERM) == 0);
  app.run();
  CHECK(says("<6>SIGTERM: stopping; requests under way: 0"));
  CHECK(logged().ends_with("<6>stopped\n"));
  CHECK(std::filesystem::exists(config.database));
}

TEST_CASE_FIXTURE(Fixture, "the start says what is going to be done, and no secret") {
  const App app(config, {}, log, read_config());
  CHECK(says("<6>kdocs-queued "));
  CHECK(says("<6>jobs are taken from " + config.database.string()));
  CHECK_FALSE(says("SECRET"));
  CHECK_FALSE(says("until then its jobs wait"));
}

TEST_CASE_FIXTURE(Fixture, "a token that cannot be read is a warning, not an end") {
  std::filesystem::remove(dir / "token");
  App app(config, {}, log, read_config());
  CHECK(
      says("does not exist; write the access token into it (mode 600); until then its jobs wait"));
  REQUIRE(::kill(::getpid(), SIGINT) == 0);
  app.run();
  CHECK(says("<6>SIGINT: stopping"));
}

TEST_CASE_FIXTURE(Fixture, "only one works on a database") {
  const App first(config, {}, log, read_config());
  CHECK_THROWS_AS(App(config, {}, log, read_config()), LockError);
}

TEST_CASE_FIXTURE(Fixture, "a database that is replaced under it ends it, and is not written") {
  App app(config, {}, log, read_config());
  std::filesystem::rename(config.database, dir / "moved");
  dir.file("queue.db", "not a database");
  CHECK_THROWS_WITH(app.run(), doctest::Contains("was replaced, moved or removed"));
  CHECK(std::filesystem::file_size(config.database) == 14);
}

TEST_CASE_FIXTURE(Fixture, "SIGHUP: a wrong configuration changes nothing, a right one is taken") {
  App app(config, {}, log, read_config());
  wrong = "max_runing: no such key";
  REQUIRE(::kill(::getpid(), SIGHUP) == 0);
  REQUIRE(::kill(::getpid(), SIGTERM) == 0); // both are pending: the lower number comes first
  app.run();
  CHECK(says("<3>the changed configuration is not taken, what was read before stays: "
             "max_runing: no such key"));
}

TEST_CASE_FIXTURE(Fixture, "SIGHUP: what keeps the file from being read at all is no end either") {
  App app(config, {}, log, []() -> Config {
    throw std::filesystem::filesystem_error("the current folder is gone",
                                            std::make_error_code(std::errc::not_a_directory));
  });
  REQUIRE(::kill(::getpid(), SIGHUP) == 0);
  REQUIRE(::kill(::getpid(), SIGTERM) == 0);
  CHECK_NOTHROW(app.run());
  CHECK(says("<3>the changed configuration is not taken, what was read before stays: "
             "filesystem error: the current folder is gone"));
}

TEST_CASE_FIXTURE(Fixture, "SIGHUP: another database is named, and used from the next start on") {
  App app(config, {}, log, read_config());
  next = config;
  next->database = dir / "other.db";
  next->engine.max_running = 7;
  next->log_level = LogLevel::debug;
  REQUIRE(::kill(::getpid(), SIGHUP) == 0);
  REQUIRE(::kill(::getpid(), SIGTERM) == 0);
  app.run();
  CHECK(says("<6>SIGHUP: the configuration is read again"));
  CHECK(says("<6>at most 7 scripts run at a time"));
  CHECK(says("<3>the configuration names another database, " + (dir / "other.db").string()));
  CHECK(log.wants(LogLevel::debug));
  CHECK_FALSE(std::filesystem::exists(dir / "other.db"));
}
