#include "daemon/check.h"

#include "daemon/instance_lock.h"
#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <set>
#include <sstream>

using namespace kdq;
using namespace kdq::test;

namespace {

struct Checked {
  bool well = false;
  std::string text;
  bool says(const std::string& part) const { return text.find(part) != std::string::npos; }
};

Checked run_check(const std::filesystem::path& database, const std::filesystem::path& token) {
  Overrides overrides;
  overrides.database = database.string();
  overrides.token_file = token.string();
  std::ostringstream out;
  const bool well = check(load_config(std::nullopt, overrides), {}, out);
  return {well, out.str()};
}

} // namespace

TEST_CASE(
    "check of a fresh installation says what would happen, prints no token, creates nothing") {
  const TempDir dir;
  const auto token = dir.file("token", "SECRET-TOKEN\n");
  const Checked checked = run_check(dir / "queue.db", token);
  CHECK(checked.well);
  CHECK(checked.says("run or init will create it"));
  CHECK(checked.says("a token of 12 characters"));
  CHECK(checked.says(
      "go to https://developer.kdocs.cn: 500 starts and 10 000 polls a day (tier test; the "
      "day begins at 00:00 Asia/Shanghai)"));
  CHECK(checked.says("at most 100 scripts run at a time, at most 1 on one file"));
  CHECK(checked.says("a script may have 16 777 216 bytes, with its argv"));
  CHECK_FALSE(checked.says("SECRET"));
  CHECK_FALSE(std::filesystem::exists(dir / "queue.db"));
  CHECK_FALSE(std::filesystem::exists(dir / "queue.db.lock"));
}

TEST_CASE("check finds a token that is missing and a database that cannot be one") {
  const TempDir dir;
  const auto token = dir.file("token", "t");
  CHECK_FALSE(run_check(dir / "queue.db", dir / "missing").well);
  CHECK(run_check(dir / "queue.db", dir / "missing").says("problem: the token file"));

  const Checked text = run_check(dir.file("text.db", "this is a text file, no database"), token);
  CHECK_FALSE(text.well);
  CHECK(text.says("no SQLite database"));

  const Checked folder = run_check(dir.path(), token);
  CHECK_FALSE(folder.well);
  CHECK(folder.says("is not a regular file"));

  const Checked nowhere = run_check(dir / "missing/queue.db", token);
  CHECK_FALSE(nowhere.well);
  CHECK(nowhere.says("mkdir -p " + (dir / "missing").string()));
}

TEST_CASE("check finds a command of notify that is no program, and says who is told of what") {
  const TempDir dir;
  dir.file("token", "t");
  const auto checked = [&](const std::string& program) {
    const auto file =
        dir.file("c.json", R"({"database": "queue.db", "apps": {"a": {"token_file": "token"}},
          "notify": [{"on": ["timed_out", "failed"], "app": "a", "command": [")" +
                               program + R"(", "an argument"]}]})");
    std::ostringstream out;
    const bool well = check(load_config(file, {}), {}, out);
    return Checked{well, out.str()};
  };
  CHECK(checked("/bin/true").well);
  CHECK(checked("/bin/true")
            .says("of these events of the app \"a\" somebody is told by /bin/true: failed, "
                  "timed_out\n"));
  CHECK_FALSE(checked("/nowhere/program").well);
  CHECK(checked("/nowhere/program")
            .says("problem: the program /nowhere/program of the setting notify cannot be run: No "
                  "such file or directory"));
}

TEST_CASE("check accepts an existing database and leaves it as it is") {
  const TempDir dir;
  const auto token = dir.file("token", "t");
  const std::string content = std::string("SQLite format 3\0", 16) + std::string(84, '\0');
  const auto database = dir.file("queue.db", content);
  const Checked checked = run_check(database, token);
  CHECK(checked.well);
  CHECK(checked.says("exists and can be written"));
  std::ostringstream now;
  now << std::ifstream(database).rdbuf();
  CHECK(now.str() == content);
}

TEST_CASE("check says whether backups can be written") {
  const TempDir dir;
  const auto token = dir.file("token", "t");
  const auto checked = [&](const std::filesystem::path& folder) {
    Overrides overrides;
    overrides.database = (dir / "queue.db").string();
    overrides.token_file = token.string();
    Config config = load_config(std::nullopt, overrides);
    config.engine.backup.directory = folder;
    std::ostringstream out;
    const bool well = check(config, {}, out);
    return std::pair(well, out.str());
  };
  const auto [well, text] = checked(dir.path());
  CHECK(well);
  CHECK(text.find("ok:      the folder " + dir.path().string() + " for backups") != text.npos);
  const auto [ill, why] = checked(dir / "none");
  CHECK_FALSE(ill);
  CHECK(why.find("mkdir -m 2750 -p " + (dir / "none").string()) != why.npos);
}

TEST_CASE("check tells that a daemon is at work already") {
  const TempDir dir;
  const auto token = dir.file("token", "t");
  const InstanceLock lock(dir / "queue.db");
  const Checked checked = run_check(dir / "queue.db", token);
  CHECK(checked.well);
  CHECK(checked.says("process " + std::to_string(::getpid())));
}
