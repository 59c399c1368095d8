#include "daemon/program.h"

#include "daemon/instance_lock.h"
#include "daemon/options.h"
#include "tests/daemon/scoped_env.h"
#include "tests/support/temp_dir.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <iostream>
#include <sstream>
#include <vector>

using namespace kdq;
using namespace kdq::test;

namespace {

/// What is written to a stream while this lives.
class Captured {
public:
  explicit Captured(std::ostream& stream) : stream_(stream), old_(stream.rdbuf(text_.rdbuf())) {}
  ~Captured() { stream_.rdbuf(old_); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  std::string text() const { return text_.str(); }

private:
  std::ostringstream text_;
  std::ostream& stream_;
  std::streambuf* old_;
};

struct Run {
  int code = -1;
  std::string out;
  std::string err;
};

Run run(std::vector<std::string> words) {
  // Not for the journal, whatever starts the tests.
  const ScopedEnv stream("JOURNAL_STREAM", nullptr);
  const ScopedEnv invocation("INVOCATION_ID", nullptr);
  words.insert(words.begin(), "kdocs-queued");
  std::vector<const char*> argv;
  for (const std::string& word : words)
    argv.push_back(word.c_str());
  const Captured out(std::cout);
  const Captured err(std::cerr);
  const int code = run_program(static_cast<int>(argv.size()), argv.data());
  return {code, out.text(), err.text()};
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("what was asked for goes to stdout, what is wrong to stderr") {
  const Run version = run({"--version"});
  CHECK(version.code == exit_stopped);
  CHECK(version.out.starts_with("kdocs-queued "));
  CHECK(version.err.empty());
  const Run none = run({});
  CHECK(none.code == exit_usage);
  CHECK(none.out.empty());
  CHECK(mentions(none.err, "A command is required"));
}

TEST_CASE("init creates the database, and does no harm to one that is there") {
  const TempDir dir;
  const std::string database = dir / "queue.db";
  for (int i = 0; i < 2; ++i) {
    const Run init = run({"init", "--database", database});
    CHECK(init.code == exit_stopped);
    CHECK(init.out == "The database " + database + " is ready.\n");
    CHECK(std::filesystem::exists(database));
  }
}

TEST_CASE("check ends with the code of what it found") {
  const TempDir dir;
  const std::string database = dir / "queue.db";
  const std::string token = dir.file("token", "abc");
  const Run good = run({"check", "--database", database, "--token-file", token});
  CHECK(good.code == exit_stopped);
  CHECK(mentions(good.out, "What run would do"));
  const Run bad = run({"check", "--database", database, "--token-file", dir / "none"});
  CHECK(bad.code == exit_cannot_start);
  CHECK(mentions(bad.out, "problem: "));
}

TEST_CASE("an app without a token file is refused before anything is created") {
  const TempDir dir;
  const Run check = run({"check", "--database", dir / "queue.db"});
  CHECK(check.code == exit_cannot_start);
  CHECK(mentions(check.err, "has no access token"));
  CHECK_FALSE(std::filesystem::exists(dir / "queue.db"));
}

TEST_CASE("a relative token file is looked for among systemd's credentials") {
  const TempDir dir;
  dir.file("token", "abc");
  const ScopedEnv credentials("CREDENTIALS_DIRECTORY", dir.path().c_str());
  const Run check = run({"check", "--database", dir / "queue.db", "--token-file", "token"});
  CHECK(check.code == exit_stopped);
  CHECK(mentions(check.out, (dir / "token").string()));
}

TEST_CASE("what keeps it from working is one sentence and exit code 1") {
  const TempDir dir;
  const InstanceLock lock(dir / "queue.db");
  const Run init = run({"init", "--database", dir / "queue.db"});
  CHECK(init.code == exit_cannot_start);
  CHECK(init.err.starts_with("kdocs-queued: another kdocs-queued works on "));
  CHECK(init.out.empty());
}

TEST_CASE("why it had to stop stands in the database, and init repairs what was dropped") {
  const TempDir dir;
  const std::string database = dir / "queue.db";
  const std::string token = dir.file("token", "abc");
  REQUIRE(run({"init", "--database", database}).code == exit_stopped);
  SQLite::Database user(database, SQLite::OPEN_READWRITE);
  user.exec("DROP TABLE logs");
  const Run stopped = run({"run", "--database", database, "--token-file", token});
  CHECK(stopped.code == exit_cannot_start);
  const std::string told = user.execAndGet("SELECT stop_reason FROM daemon").getString();
  CHECK(mentions(told, "lacks the table logs"));
  REQUIRE(run({"init", "--database", database}).code == exit_stopped);
  CHECK(user.execAndGet("SELECT count(*) FROM logs").getInt() == 0);
}

TEST_CASE("it takes as many descriptors as it may have") {
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
  const rlimit few{100, old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  run({"--version"});
  rlimit now{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &now) == 0);
  CHECK(now.rlim_cur == std::min<rlim_t>(old.rlim_max, 65'536));
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
}

TEST_CASE("a backup by hand and its restore, and what keeps them from being made") {
  const TempDir dir;
  const std::string database = dir / "queue.db";
  const std::string copy = dir / "copy.db";
  REQUIRE(run({"init", "--database", database}).code == exit_stopped);
  const auto number = [](const std::string& file, const char* sql) {
    return SQLite::Database(file).execAndGet(sql).getInt();
  };
  {
    SQLite::Database user(database, SQLite::OPEN_READWRITE); // stays open: the log is not empty
    user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', 's')");
    const Run made = run({"backup", "--database", database, copy});
    CHECK(made.code == exit_stopped);
    CHECK(mentions(made.out, "The backup of " + database + " is " + copy));
    CHECK(made.err.empty());
    user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', 's')");
  }
  CHECK(number(copy, "SELECT count(*) FROM jobs") == 1);
  const Run again = run({"backup", "--database", database, copy});
  CHECK(again.code == exit_cannot_start);
  CHECK(mentions(again.err, "there is a file of this name"));
  {
    const InstanceLock lock(database);
    const Run refused = run({"restore", "--database", database, copy});
    CHECK(refused.code == exit_cannot_start);
    CHECK(mentions(refused.err, "another kdocs-queued works on "));
  }
  CHECK(run({"restore", "--database", database, dir / "none"}).code == exit_cannot_start);
  CHECK(number(database, "SELECT count(*) FROM jobs") == 2);
  const Run restored = run({"restore", "--database", database, copy});
  CHECK(restored.code == exit_stopped);
  CHECK(mentions(restored.out, "What was there is kept, until you remove it, as " + database));
  CHECK(number(database, "SELECT count(*) FROM jobs") == 1);
  CHECK(std::filesystem::exists(copy));
}

TEST_CASE("exec and follow: what could not begin ends with the code of a wrong command line") {
  const TempDir dir;
  const std::string database = dir / "queue.db";
  const std::string script = dir.file("a.js", "1");
  const auto refused = [](const std::vector<std::string>& words, const std::string& sentence) {
    const Run refusal = run(words);
    CHECK(refusal.code == exit_usage);
    CHECK(refusal.out.empty());
    CHECK_MESSAGE(mentions(refusal.err, sentence), refusal.err);
  };
  refused({"exec", "f", script}, "no database is named");
  refused({"exec", "--database", database, "f", script}, "there is no database");
  refused({"follow", "--database", database, "1"}, "there is no database");
  CHECK_FALSE(std::filesystem::exists(database));
  REQUIRE(run({"init", "--database", database}).code == exit_stopped);
  refused({"exec", "--database", database, "", script}, "file_token must not be empty");
  refused({"exec", "--database", database, "f", dir / "b.js"}, "cannot be read");
  SQLite::Database user(database, SQLite::OPEN_READWRITE);
  CHECK(user.execAndGet("SELECT count(*) FROM jobs").getInt() == 0);
  user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', 's');"
            "UPDATE jobs SET state = 'cancelled'");
  const Run ended = run({"follow", "--database", database, "1"});
  CHECK(ended.code == 1);
  CHECK(ended.err == "kdocs-queued: job 1 was cancelled\n");
}
