// What somebody is to be told of: which rows are left, in which order they are told, when they go.
#include "store/notifications.h"

#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

const NoticeTarget mail{R"(["/bin/mail"])", ""};
const NoticeTarget robot{R"(["/bin/robot"])", ""};

struct Fixture : QueueFixture {
  Notifications table{database};

  void fail(std::int64_t job, const std::string& error) {
    REQUIRE(claim(job));
    REQUIRE(run(job));
    REQUIRE(end(job, JobState::failed, "null", error));
  }
  void add_job(JobId job, JobState state, const NoticeTarget& target) {
    database.write([&] { table.add_job(job, state, target, now); });
  }
  void add(int many, const NoticeTarget& target = mail) {
    database.write([&] {
      for (int i = 0; i < many; ++i)
        table.add_health({"jobs", std::to_string(i)}, target, now);
    });
  }
  std::int64_t first(const NoticeTarget& target) {
    std::optional<WaitingNotice> found;
    database.read([&] { found = table.first(target.command); });
    return found ? found->id : 0;
  }
  void fails(std::int64_t id, std::optional<WallTime> retry_at) {
    database.write([&] { table.failed(id, {"exit code 1", now, retry_at}, now); });
  }
  int prune(WallTime at) {
    int deleted = 0;
    database.write([&] { deleted = table.prune(at); });
    return deleted;
  }
  std::string payload(const std::string& path) {
    return user.text("SELECT json_extract(payload, '$." + path + "') FROM notifications");
  }
  std::int64_t count(const std::string& where = "1") {
    return user.number("SELECT count(*) FROM notifications WHERE " + where);
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a job's row is told as it stands, in one line") {
  user.enqueue("f", "x", "the\nname");
  fail(1, "TypeError: \"x\"");
  add_job(JobId{1}, JobState::failed, mail);
  REQUIRE(count() == 1);
  CHECK(user.text("SELECT state || event || app || job_id || command FROM notifications") ==
        R"(waitingfaileddefault1["/bin/mail"])");
  CHECK(payload("event") == "failed");
  CHECK(payload("at") == to_text(now));
  CHECK(payload("app") == "default");
  CHECK(payload("text") == "job 1 (the\nname) has failed: TypeError: \"x\"");
  CHECK(payload("job.id") == "1");
  CHECK(payload("job.file_token") == "f");
  CHECK(payload("job.script_name") == "the\nname");
  CHECK(payload("job.state") == "failed");
  CHECK(payload("job.error") == "TypeError: \"x\"");
  CHECK(payload("job.attempt") == "1");
  CHECK(user.number("SELECT instr(payload, char(10)) FROM notifications") == 0);
}

TEST_CASE_FIXTURE(Fixture, "what is not so, or is another app's, is not told") {
  user.enqueue("f", "x", "");
  fail(1, "e");
  add_job(JobId{1}, JobState::timed_out, mail);
  add_job(JobId{2}, JobState::failed, mail);
  add_job(JobId{1}, JobState::failed, {mail.command, "other"});
  CHECK(count() == 0);
  add_job(JobId{1}, JobState::failed, {mail.command, "default"});
  CHECK(count() == 1);
}

TEST_CASE_FIXTURE(Fixture, "texts that are no use in full are cut, and a BLOB is no obstacle") {
  user.enqueue("f", "x", std::string(5000, 'n'));
  fail(1, std::string(5000, 'e'));
  user.exec("DROP TRIGGER jobs_values; UPDATE jobs SET file_token = x'61'");
  add_job(JobId{1}, JobState::failed, mail);
  REQUIRE(count() == 1);
  CHECK(payload("job.error").size() == 2000);
  CHECK(payload("job.script_name").size() == 200);
  CHECK(payload("job.file_token") == "a");
}

TEST_CASE_FIXTURE(Fixture, "an app and a row of health are told, to those who want to hear of it") {
  daemon_runs();
  const NoticeTarget of_app{mail.command, "default"};
  const NoticeTarget of_other{mail.command, "other"};
  database.write([&] {
    CHECK_FALSE(table.is_blocked("default"));
    table.add_blocked("default", "no permission", of_other, now);
    table.add_health({"app default", "m"}, of_other, now);
    table.add_health({"jobs", "m"}, of_app, now);
  });
  CHECK(count() == 0);
  database.write([&] {
    table.add_blocked("default", "no permission", of_app, now);
    table.add_health({"app default", "m"}, of_app, now);
    table.add_health({"jobs", "m"}, mail, now);
  });
  CHECK(user.column("SELECT event || ' ' || coalesce(app, '-') || ' ' || "
                    "json_extract(payload, '$.text') FROM notifications ORDER BY id") ==
        std::vector<std::string>{"blocked default the app default is blocked: no permission",
                                 "health default app default: m", "health - jobs: m"});
  CHECK(user.text("SELECT json_extract(payload, '$.reason') FROM notifications") ==
        "no permission");
  user.exec("UPDATE apps SET state = 'blocked'");
  database.read([&] { CHECK(table.is_blocked("default")); });
}

TEST_CASE_FIXTURE(Fixture,
                  "each command has its own order, and what it failed at comes first again") {
  add(2, mail);
  add(1, robot);
  CHECK(first(mail) == 1);
  CHECK(first(robot) == 3);
  fails(1, now + 10s);
  CHECK(first(mail) == 1);
  CHECK(user.text("SELECT state || attempts || last_error || first_try_at || next_try_at "
                  "FROM notifications WHERE id = 1") ==
        "waiting1exit code 1" + to_text(now) + to_text(now + 10s));
  database.write([&] { table.done(1, now); });
  CHECK(first(mail) == 2);
  CHECK(user.text("SELECT state || attempts || (last_error IS NULL) || (next_try_at IS NULL) || "
                  "finished_at FROM notifications WHERE id = 1") == "done211" + to_text(now));
  fails(2, std::nullopt);
  CHECK(first(mail) == 0);
  CHECK(user.text("SELECT state || last_error || finished_at FROM notifications WHERE id = 2") ==
        "given_upexit code 1" + to_text(now));
}

TEST_CASE_FIXTURE(Fixture, "what a user has deleted or taken back is not written over") {
  add(2);
  user.exec("DELETE FROM notifications WHERE id = 1; UPDATE notifications SET state = 'given_up'");
  database.write([&] {
    table.done(1, now);
    table.done(2, now);
  });
  CHECK(user.column("SELECT id || state FROM notifications") ==
        std::vector<std::string>{"2given_up"});
  CHECK(contains(user.attempt("UPDATE notifications SET state = 'queued'"),
                 "state must be waiting, done or given_up"));
  user.exec("DELETE FROM notifications");
  add(1);
  CHECK(first(mail) == 3); // no id is used again: the end of a command cannot meet another row
}

TEST_CASE_FIXTURE(Fixture, "what no rule asks for (any more) is given up") {
  add(1, mail);
  add(150, robot);
  const auto others = [&](const std::string& commands) {
    bool found = false;
    database.read([&] { found = table.has_others(commands); });
    return found;
  };
  CHECK_FALSE(others(R"(["[\"/bin/mail\"]", "[\"/bin/robot\"]"])"));
  const std::string only_mail = R"(["[\"/bin/mail\"]"])";
  for (int i = 0; i < 2; ++i) {
    CHECK(others(only_mail));
    database.write([&] { table.give_up_others(only_mail, "no rule", now); });
  }
  CHECK_FALSE(others(only_mail));
  CHECK(count("state = 'given_up' AND last_error = 'no rule'") == 150);
  CHECK(others("[]"));
}

TEST_CASE_FIXTURE(Fixture, "rows go a week after their end, a bounded number at a time") {
  add(251);
  user.exec("UPDATE notifications SET state = iif(id % 2, 'done', 'given_up'), finished_at = '" +
            to_text(now - 24h * 7 - 1ms) + "' WHERE id <= 250");
  CHECK(prune(now - 1h) == 0);
  CHECK(prune(now) == 100);
  CHECK(prune(now) == 100);
  CHECK(prune(now) == 50);
  CHECK(prune(now) == 0);
  CHECK(count("id = 251 AND state = 'waiting'") == 1);
}

TEST_CASE_FIXTURE(Fixture, "of more than 10,000 the oldest go, those that wait as well") {
  add(10'150);
  CHECK(prune(now) == 100);
  CHECK(prune(now) == 50);
  CHECK(prune(now) == 0);
  CHECK(first(mail) == 151);
}

TEST_CASE_FIXTURE(Fixture, "health tells what cannot be delivered, and what was given up today") {
  daemon_runs();
  const auto health = [&] {
    std::vector<std::string> found;
    database.read([&] {
      found.clear();
      for (const HealthRow& row : table.health())
        found.push_back(row.subject + ": " + row.message);
    });
    return found;
  };
  add(3);
  CHECK(health().empty());
  fails(1, now + 10s);
  CHECK(health() == std::vector<std::string>{
                        "notifications: notification 1 cannot be delivered, those behind it wait "
                        "(it is tried again at 2126-01-01 00:00:10 UTC): exit code 1"});
  fails(1, std::nullopt);
  fails(2, std::nullopt);
  CHECK(health() ==
        std::vector<std::string>{"notifications: 2 notifications were given up in the last day "
                                 "(SELECT * FROM notifications WHERE state = 'given_up')"});
  user.exec("UPDATE notifications SET finished_at = '2026-01-01 00:00:00.000'");
  CHECK(health().empty());
}

TEST_CASE_FIXTURE(Fixture, "what was told is remembered until something else is said of it") {
  const std::vector<HealthRow> said{{"app a", "m"}, {"jobs", "n"}};
  database.write([&] { table.set_told(said); });
  database.read([&] { CHECK(table.told() == said); });
  database.write([&] { table.set_told({}); });
  database.read([&] { CHECK(table.told().empty()); });
}

TEST_CASE_FIXTURE(Fixture, "looking for what waits costs the same however many rows there are") {
  for (const char* sql :
       {"SELECT id FROM notifications WHERE state = 'waiting' AND command = 'c' ORDER BY id LIMIT "
        "1",
        "SELECT id FROM notifications WHERE state <> 'waiting' AND finished_at < 't' "
        "ORDER BY finished_at LIMIT 1"})
    for (const std::string& step : plan(sql))
      CHECK_MESSAGE(contains(step, "SEARCH notifications USING"), step);
}
