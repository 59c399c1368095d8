// A person's own connection beside the daemon's: what it writes and reads, and what it leaves
// alone.
#include "store/job_client.h"

#include "store/result_log.h"
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

struct Fixture : QueueFixture {
  JobClient client{file};
  ResultLog log{database};

  NewJob small() const { return {"f", "1 + 1", {}, {}, {}, {}}; }
  void append(std::int64_t job, int attempt, const std::vector<std::string>& messages) {
    std::vector<LogLine> lines;
    for (const std::string& message : messages)
      lines.push_back({"info", "test.ks:1:1", {}, "10:00:00", "[]", message});
    database.write([&] { log.append(JobId{job}, attempt, lines, now); });
  }
  /// All lines behind a place, in as many looks as it takes.
  std::vector<StoredLine> lines(JobId job, LogPlace place, int& looks) {
    std::vector<StoredLine> all;
    for (looks = 1;; ++looks) {
      const JobLook look = client.look(job, place);
      all.insert(all.end(), look.lines.begin(), look.lines.end());
      if (!look.has_more)
        return all;
      REQUIRE_FALSE(look.lines.empty());
      place = {look.lines.back().attempt, look.lines.back().seq};
    }
  }
  std::string refusal(const NewJob& job) {
    try {
      client.enqueue(job);
      return {};
    } catch (const JobRefused& refused) {
      return refused.what();
    }
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a job is enqueued as by anybody, and watched from the beginning") {
  const JobId plain = client.enqueue(small());
  const JobId full = client.enqueue({"g", "2", "other", R"({"a": 1})", "name", 90});
  CHECK(user.text("SELECT file_token || script || app || typeof(script) FROM jobs WHERE id = " +
                  std::to_string(plain.value)) == "f1 + 1defaulttext");
  CHECK(user.text("SELECT file_token || script || app || argv || script_name || timeout_s "
                  "FROM jobs WHERE id = " +
                  std::to_string(full.value)) == R"(g2other{"a": 1}name90)");
  CHECK(user.number("SELECT count(*) FROM watches JOIN jobs ON id = job_id") == 2);
  CHECK(lane(plain.value) == "ready");
}

TEST_CASE_FIXTURE(Fixture, "what the database refuses has its own sentence, and nothing is left") {
  NewJob job = small();
  job.file_token = "https://www.kdocs.cn/l/cq1";
  CHECK(refusal(job).starts_with("file_token must be the file's open_id"));
  job = small();
  job.argv = "[1]";
  CHECK(refusal(job) == R"(argv must be a JSON object, such as {"name": "value"})");
  job = small();
  job.timeout_s = 0;
  CHECK(contains(refusal(job), "timeout_s must be a positive number"));
  job = small();
  job.app = "";
  CHECK(contains(refusal(job), "app must not be empty"));
  user.exec("CREATE TRIGGER no_watches BEFORE INSERT ON watches "
            "BEGIN SELECT RAISE(ABORT, 'nobody watches here'); END");
  CHECK(refusal(small()) == "nobody watches here");
  CHECK(user.number("SELECT count(*) FROM jobs") == 0);
  CHECK(user.number("SELECT count(*) FROM watches") == 0);
  user.exec("DROP TRIGGER no_watches");
  CHECK(refusal(small()).empty()); // the connection is as good as before
}

TEST_CASE_FIXTURE(Fixture, "how long a script may be is the daemon's word, or the usual") {
  CHECK(client.max_script_bytes() == 16777216);
  daemon_runs();
  CHECK(client.max_script_bytes() == 16777216);
  user.exec("UPDATE daemon SET max_script_bytes = 1000");
  CHECK(client.max_script_bytes() == 1000);
  NewJob job = small();
  job.script = std::string(1001, ' ');
  CHECK(contains(refusal(job), "script is too long"));
}

TEST_CASE_FIXTURE(Fixture, "a look has the row, what it waits for, and what is wrong") {
  const JobId job = client.enqueue(small());
  CHECK_FALSE(client.look(JobId{99}, {}).job);
  CHECK_FALSE(client.attempt(JobId{99}));
  const auto look = [&] { return client.look(job, {}).job.value(); };
  CHECK(contains(look().waits_for, "the daemon has not run with this database yet"));
  CHECK(contains(look().daemon_trouble, "the daemon has not run with this database yet"));
  daemon_runs();
  CHECK(look().waits_for == "it is next in line");
  CHECK(look().daemon_trouble.empty());
  REQUIRE(claim(job.value));
  CHECK(look().state == JobState::submitting);
  CHECK(look().attempt == 1);
  CHECK(client.attempt(job) == 1);
  REQUIRE(run(job.value));
  CHECK(look().submitted_at == now);
  CHECK(look().waits_for.empty());
  CHECK_FALSE(look().result);
  REQUIRE(end(job.value, JobState::failed, "[1]", "TypeError"));
  CHECK(look().state == JobState::failed);
  CHECK(look().error == "TypeError");
  CHECK(look().result == "[1]");
  CHECK(look().finished_at == now);
  CHECK(look().log_gaps == 0);
  user.exec("UPDATE jobs SET log_gaps = 2");
  CHECK(look().log_gaps == 2);
}

TEST_CASE_FIXTURE(Fixture, "a long log comes in pages, in order, each line once") {
  const JobId job = client.enqueue(small());
  REQUIRE(claim(job.value));
  std::vector<std::string> messages;
  for (int i = 1; i <= 2500; ++i)
    messages.push_back(std::to_string(i));
  append(job.value, 1, messages);
  append(job.value, 2, {"again"});
  int looks = 0;
  const std::vector<StoredLine> all = lines(job, {}, looks);
  CHECK(looks == 3);
  REQUIRE(all.size() == 2501);
  for (std::size_t i = 0; i < messages.size(); ++i)
    REQUIRE(all[i].message == messages[i]);
  CHECK(all.back().attempt == 2);
  CHECK(all.back().seq == 1);
  CHECK(all.front().filename == "test.ks:1:1");
  CHECK(all.front().timestamp == "10:00:00");
  CHECK(all.front().fetched_at == to_text(now));

  const auto rest = lines(job, {1, 2499}, looks);
  REQUIRE(rest.size() == 2);
  CHECK(rest.front().message == "2500");
  CHECK(lines(job, {2, 1}, looks).empty());
  append(job.value, 2, {"more"});
  CHECK(lines(job, {2, 1}, looks).size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a page of long lines ends early; the result comes with the last one") {
  const JobId job = client.enqueue(small());
  REQUIRE(claim(job.value));
  REQUIRE(run(job.value));
  append(job.value, 1, std::vector<std::string>(5, std::string(400'000, 'x')));
  REQUIRE(end(job.value, JobState::succeeded, "7"));
  const JobLook first = client.look(job, {});
  CHECK(first.lines.size() == 3);
  CHECK(first.has_more);
  CHECK(first.job->state == JobState::succeeded);
  CHECK_FALSE(first.job->result);
  const JobLook second = client.look(job, {1, 3});
  CHECK(second.lines.size() == 2);
  CHECK_FALSE(second.has_more);
  CHECK(second.job->result == "7");
}

TEST_CASE_FIXTURE(Fixture, "a row that is none of the daemon's does not end the log") {
  const JobId job = client.enqueue(small());
  REQUIRE(claim(job.value));
  for (const char* seq : {"-1", "0", "9223372036854775807"})
    user.exec("INSERT INTO logs VALUES (1, 1, " + std::string(seq) +
              ", 'info', '', 0, '', '[]', 'mine', '')");
  append(job.value, 1, {"one", "two"});
  int looks = 0;
  const auto all = lines(job, {}, looks);
  REQUIRE(all.size() == 2);
  CHECK(all.front().message == "one");
  CHECK(lines(job, {1, all.back().seq}, looks).empty());
}

TEST_CASE_FIXTURE(Fixture, "commits of others are changes, its own are none") {
  CHECK(client.changed());
  CHECK_FALSE(client.changed());
  const JobId job = client.enqueue(small());
  CHECK_FALSE(client.changed());
  REQUIRE(claim(job.value));
  CHECK(client.changed());
  CHECK_FALSE(client.changed());
}

TEST_CASE_FIXTURE(Fixture, "a watch is renewed when it would soon end, and never made shorter") {
  const JobId job = client.enqueue(small());
  const auto until = [&] { return user.text("SELECT until FROM watches"); };
  const std::string first = until();
  client.watch(job);
  CHECK(until() == first);
  user.exec("UPDATE watches SET until = '2999-01-01 00:00:00'");
  client.watch(job);
  CHECK(until() == "2999-01-01 00:00:00");
  user.exec("UPDATE watches SET until = strftime('%Y-%m-%d %H:%M:%f', 'now', '+4 minutes')");
  const std::string short_one = until();
  client.watch(job);
  CHECK(until() > short_one);
  CHECK_THROWS_AS(client.watch(JobId{99}), JobRefused);
}

TEST_CASE_FIXTURE(Fixture, "cancel applies to what has not ended, and says so") {
  const JobId job = client.enqueue(small());
  CHECK(client.cancel(job));
  CHECK(client.look(job, {}).job->state == JobState::cancelled);
  CHECK_FALSE(client.cancel(job));
  CHECK_FALSE(client.cancel(JobId{99}));
}

TEST_CASE("it makes no checkpoint: not after a long commit, and not as the last one to close") {
  const TempDir dir;
  const auto file = dir / "queue.db";
  { const Database made{file}; }
  const auto wal = file.string() + "-wal";
  const auto size = std::filesystem::file_size(file);
  {
    JobClient client{file};
    client.enqueue({"f", std::string(8 << 20, 'x'), {}, {}, {}, {}}); // 2000 pages
    CHECK(std::filesystem::file_size(file) == size);
  }
  CHECK(std::filesystem::file_size(file) == size);
  REQUIRE(std::filesystem::exists(wal));
  CHECK(std::filesystem::file_size(wal) > (8u << 20));
  CHECK(User(file).number("SELECT count(*) FROM jobs") == 1);
}

TEST_CASE_FIXTURE(Fixture, "somebody else's lock is waited for, and then said") {
  user.exec("BEGIN IMMEDIATE");
  CHECK_THROWS_WITH_AS(client.enqueue(small()), doctest::Contains("is locked by another program"),
                       StoreUnavailable);
  user.exec("COMMIT");
  CHECK(client.enqueue(small()).value == 1);
}

TEST_CASE_FIXTURE(Fixture, "a trigger that has no end does not keep the lock") {
  user.exec("CREATE TRIGGER endless AFTER INSERT ON jobs BEGIN WITH RECURSIVE n(i) AS "
            "(SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n; END");
  CHECK_THROWS_WITH_AS(client.enqueue(small()), doctest::Contains("did not come to an end"),
                       StoreUnavailable);
  user.exec("DROP TRIGGER endless");
  CHECK(user.number("SELECT count(*) FROM jobs") == 0);
  CHECK(client.enqueue(small()).value == 1);
}

TEST_CASE("what is no queue is refused with a sentence") {
  const TempDir dir;
  CHECK_THROWS_WITH_AS(JobClient{dir / "none.db"}, doctest::Contains("there is no database"),
                       StoreUnavailable);
  CHECK_FALSE(std::filesystem::exists(dir / "none.db"));
  dir.file("text.db", std::string(5000, 'x'));
  CHECK_THROWS_WITH_AS(JobClient{dir / "text.db"}, doctest::Contains("no SQLite database"),
                       StoreBroken);
  SQLite::Database(dir / "other.db", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
      .exec("PRAGMA application_id = 5; CREATE TABLE t(a)");
  CHECK_THROWS_WITH_AS(JobClient{dir / "other.db"}, doctest::Contains("of another program"),
                       StoreBroken);
}

TEST_CASE("a queue that was replaced, or has lost a table, is known") {
  const TempDir dir;
  const auto file = dir / "queue.db";
  { const Database made{file}; }
  JobClient client{file};
  CHECK_FALSE(client.was_replaced());
  User(file).exec("DROP TABLE logs");
  CHECK_THROWS_WITH_AS(client.look(JobId{1}, {}), doctest::Contains("lacks the table logs"),
                       StoreIncomplete);
  std::filesystem::rename(file, dir / "aside.db");
  CHECK(client.was_replaced());
}
