// The commands of the setting notify, run for real; only the clock by which they are due is not.
#include "daemon/notifier.h"

#include "daemon/logging.h"
#include "store/database.h"
#include "tests/daemon/curl_client.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"
#include "tests/support/user.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <sstream>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

using Rows = std::vector<std::string>;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

struct Fixture {
  Fixture() { begin(); }

  void begin() { notifier = std::make_unique<Notifier>(database, client.transport, clock, log); }
  /// A rule whose command is a line for the shell, in which OUT is a file of this test.
  void rule(std::string script, std::chrono::seconds timeout = 30s) {
    for (std::size_t at = script.find("OUT"); at != script.npos; at = script.find("OUT"))
      script.replace(at, 3, out.string());
    const nlohmann::json argv{"/bin/sh", "-c", script};
    rules.push_back({{"health"}, "", argv.dump(), timeout});
  }
  /// An event that the rule is told of.
  void event(const std::string& message, std::size_t number = 0) {
    database.write([&] {
      table.add_health({"jobs", message}, {rules[number].command, ""}, clock.wall());
    });
    ++left;
  }
  void work(bool foreign = false) {
    wake = notifier->work(rules, left, foreign);
    REQUIRE(wake >= clock.steady());
  }
  /// Until no command runs and none is due; a minute is what only a broken notifier needs.
  void work_off() {
    const SteadyTime bound = client.clock.steady() + 60s;
    do {
      work();
      REQUIRE(client.clock.steady() < bound);
      if (notifier->busy())
        client.transport.wait_until(client.clock.steady() + 100ms);
    } while (notifier->busy() || wake <= clock.steady());
  }
  std::string written() {
    std::stringstream text;
    text << std::ifstream(out).rdbuf();
    return text.str();
  }
  void wait_for_output() {
    for (int i = 0; i < 6000 && written().empty(); ++i) {
      work();
      client.transport.wait_until(client.clock.steady() + 10ms);
    }
    REQUIRE_FALSE(written().empty());
  }
  Rows states() { return user.column("SELECT state FROM notifications ORDER BY id"); }
  std::string error() {
    return user.text("SELECT coalesce(last_error, '') FROM notifications ORDER BY id");
  }
  std::string logged() {
    log.flush();
    std::rewind(file.get());
    std::string text(100'000, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    return text;
  }

  TempDir dir;
  std::filesystem::path out = dir / "out";
  Database database{dir / "queue.db", 0ms};
  User user{dir / "queue.db"};
  Notifications table{database};
  FakeClock clock;
  Client client;
  std::unique_ptr<std::FILE, CloseFile> file{std::tmpfile()};
  Log log{LogStyle::journal, LogLevel::info, file.get()};
  std::vector<NotifyRule> rules;
  std::uint64_t left = 0;
  SteadyTime wake{};
  std::unique_ptr<Notifier> notifier;
};

constexpr const char* message = "sed 's/.*\"message\":\"\\([^\"]*\\)\".*/\\1/' >> OUT";

} // namespace

TEST_CASE_FIXTURE(Fixture, "commands get their payload one after the other, in order") {
  rule(message);
  rule("cat > OUT.2");
  event("a");
  event("b", 1);
  event("c");
  work_off();
  CHECK(written() == "a\nc\n");
  CHECK(states() == Rows{"done", "done", "done"});
  std::stringstream payload;
  payload << std::ifstream(out.string() + ".2").rdbuf();
  CHECK(payload.str() == user.text("SELECT payload || char(10) FROM notifications WHERE id = 2"));
  CHECK(contains(logged(), "<6>notification 2 (health) is delivered"));
  CHECK(wake == SteadyTime::max());
  event("d");
  work_off();
  CHECK(written() == "a\nc\nd\n");
}

TEST_CASE_FIXTURE(Fixture, "only one runs at a time") {
  rule("test ! -e OUT.lock || echo two >> OUT; touch OUT.lock; sleep 0.05; rm OUT.lock");
  rule("test ! -e OUT.lock || echo two >> OUT; touch OUT.lock; sleep 0.06; rm OUT.lock");
  for (std::size_t i = 0; i < 6; ++i)
    event("x", i % 2);
  work_off();
  CHECK(written() == "");
  CHECK(user.number("SELECT count(*) FROM notifications WHERE state = 'done'") == 6);
}

TEST_CASE_FIXTURE(Fixture,
                  "one that fails is tried again, later each time, and given up in a day") {
  rule("echo no such host >&2; exit 7");
  event("a");
  const WallTime begin = clock.wall();
  work_off();
  CHECK(error() == "exit code 7: no such host");
  CHECK(contains(logged(), "<4>notification 1 (health) cannot be delivered: exit code 7"));
  std::vector<std::int64_t> waits;
  while (states() == Rows{"waiting"}) {
    REQUIRE(waits.size() < 50);
    waits.push_back((wake - clock.steady()) / 1s);
    work(); // sooner nothing happens
    REQUIRE_FALSE(notifier->busy());
    clock.advance_to(wake);
    work_off();
  }
  CHECK(waits.size() == 32);
  CHECK(std::vector<std::int64_t>(waits.begin(), waits.begin() + 11) ==
        std::vector<std::int64_t>{10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600});
  CHECK(states() == Rows{"given_up"});
  CHECK(clock.wall() - begin >= 24h);
  CHECK(clock.wall() - begin < 25h);
  CHECK(wake == SteadyTime::max());
}

TEST_CASE_FIXTURE(Fixture, "what waits for a command that fails keeps its order, others go on") {
  rule("test -e OUT.ok || exit 1; " + std::string(message));
  rule(message);
  event("a");
  event("b");
  event("c", 1);
  work_off();
  CHECK(written() == "c\n");
  CHECK(states() == Rows{"waiting", "waiting", "done"});
  dir.file("out.ok", "");
  clock.advance_to(wake);
  work_off();
  CHECK(written() == "c\na\nb\n");
  CHECK(user.number("SELECT attempts FROM notifications WHERE id = 1") == 2);
}

TEST_CASE_FIXTURE(Fixture, "one that takes too long is asked to end, then it is killed") {
  std::string end;
  SUBCASE("it ends when it is asked to") {
    rule("trap 'echo asked; exit 0' TERM; echo > OUT; while :; do sleep 0.01; done", 5s);
    end = "asked";
  }
  SUBCASE("it does not") {
    rule("trap '' TERM; echo > OUT; while :; do sleep 0.01; done", 5s);
  }
  event("a");
  wait_for_output();
  clock.advance(5s);
  work();
  for (int i = 0; end.empty() && i < 20; ++i) {
    client.transport.wait_until(client.clock.steady() + 10ms);
    work();
    REQUIRE(notifier->busy());
  }
  if (end.empty())
    clock.advance(5s);
  work_off();
  CHECK(states() == Rows{"waiting"});
  CHECK(error().starts_with("it took longer than 5 s (timeout_s)"));
  CHECK(error().ends_with(end));
}

TEST_CASE_FIXTURE(Fixture, "what it says is kept without secrets, what cannot be run is said") {
  SUBCASE("secrets") {
    rule("echo 'cannot reach https://me:pw@h/x?access_token=SECRET'; exit 1");
    event("a");
    work_off();
    CHECK(contains(error(), "cannot reach https://"));
    CHECK_FALSE(contains(error(), "SECRET"));
    CHECK_FALSE(contains(error(), "pw"));
  }
  SUBCASE("no such program") {
    rules.push_back({{"health"}, "", R"(["/nowhere/program"])", 30s});
    event("a");
    work_off();
    CHECK(error() == "/nowhere/program cannot be run: No such file or directory");
  }
  SUBCASE("a flood") {
    rule("yes | head -c 1000000; exit 1");
    event("a");
    work_off();
    CHECK(error().size() < 4200);
    CHECK(error().starts_with("exit code 1: y\ny\n"));
  }
}

TEST_CASE_FIXTURE(Fixture, "rows that a user has written have nothing run that no rule names") {
  rule("cat > OUT");
  work_off();
  user.exec("INSERT INTO notifications(at, event, payload, command) VALUES "
            "('t', 'failed', '{}', '[\"/usr/bin/touch\",\"" +
            (dir / "stolen").string() +
            "\"]'), ('t', 'failed', '{}', 'no JSON'), "
            "('t', 'x', 'no JSON', '" +
            rules[0].command + "')");
  work(true);
  work_off();
  CHECK_FALSE(std::filesystem::exists(dir / "stolen"));
  CHECK(states() == Rows{"given_up", "given_up", "waiting"});
  CHECK(contains(error(), "no rule of the setting notify has this command"));
  CHECK(contains(user.text("SELECT last_error FROM notifications WHERE id = 3"),
                 "its payload is no JSON"));
  CHECK(written() == "");
}

TEST_CASE_FIXTURE(Fixture, "what waits for a rule that is gone is given up, at the next start") {
  rule(message);
  event("a");
  rules.clear();
  notifier->rules_changed();
  work_off();
  CHECK(states() == Rows{"given_up"});
}

TEST_CASE_FIXTURE(Fixture, "without rules a user's change costs no look") {
  work_off();
  user.exec("INSERT INTO notifications(at, event, payload, command) VALUES ('t', 'x', '{}', 'c')");
  work(true);
  CHECK(states() == Rows{"waiting"});
}

TEST_CASE_FIXTURE(Fixture, "bytes that are no text reach the command as text") {
  rule("cat > OUT");
  user.exec("INSERT INTO notifications(at, event, payload, command) VALUES ('t', 'x', "
            "CAST(x'7b2261223a22ff220a7d' AS TEXT), '" +
            rules[0].command + "')");
  work_off();
  CHECK(written() == "{\"a\":\"\xEF\xBF\xBD\"}\n");
}

TEST_CASE_FIXTURE(Fixture,
                  "while the database is locked nothing is begun, and no end is forgotten") {
  rule("echo >> OUT");
  event("a");
  event("b");
  wait_for_output();
  user.exec("BEGIN IMMEDIATE");
  for (int i = 0; i < 20; ++i) {
    work();
    client.transport.wait_until(client.clock.steady() + 10ms);
    clock.advance(200ms);
  }
  CHECK(notifier->busy());
  CHECK(written() == "\n");
  CHECK(contains(logged(), "<4>notifications wait: "));
  user.exec("ROLLBACK");
  clock.advance(1min);
  work_off();
  CHECK(written() == "\n\n");
  CHECK(states() == Rows{"done", "done"});
}

TEST_CASE_FIXTURE(Fixture, "one that runs at the end is killed, and run again by the next start") {
  rule("echo begun >> OUT; test -e OUT.ok || sleep 1000");
  event("a");
  wait_for_output();
  notifier->stop();
  work();
  CHECK(notifier->busy());
  notifier.reset();
  CHECK(states() == Rows{"waiting"});
  dir.file("out.ok", "");
  begin();
  work_off();
  CHECK(written() == "begun\nbegun\n");
  CHECK(states() == Rows{"done"});
}

TEST_CASE_FIXTURE(Fixture, "after a stop the one that runs is waited for, and none is begun") {
  rule("echo >> OUT; sleep 0.2");
  event("a");
  event("b");
  wait_for_output();
  notifier->stop();
  work_off();
  CHECK(written() == "\n");
  CHECK(states() == Rows{"done", "waiting"});
  CHECK(wake == SteadyTime::max());
}

TEST_CASE_FIXTURE(Fixture,
                  "a clock that was set back by years does not make anybody wait for years") {
  rule("test -e OUT.ok && echo > OUT");
  event("a");
  work_off();
  clock.step_wall(-24h * 1000);
  dir.file("out.ok", "");
  event("b");
  work_off();
  REQUIRE(wake - clock.steady() <= 1h);
  clock.advance_to(wake);
  work_off();
  CHECK(wake - clock.steady() <= 1h);
}

TEST_CASE_FIXTURE(Fixture, "old rows go, at the start and after each end") {
  rule("true");
  const std::string old = to_text(clock.wall() - 24h * 8);
  const auto plant = [&] {
    user.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) "
              "INSERT INTO notifications(at, event, payload, command, state, finished_at) "
              "SELECT 't', 'x', '{}', 'c', 'done', '" +
              old + "' FROM n");
  };
  const auto count = [&] { return user.number("SELECT count(*) FROM notifications"); };
  plant();
  work();
  CHECK(count() == 50);
  clock.advance_to(wake);
  work();
  CHECK(count() == 0);
  plant();
  event("a");
  work_off();
  clock.advance_to(wake);
  work();
  CHECK(count() == 1);
}
