// What of a reply is stored, if its job is still ours, and if not.
#include "poller/engine/replies/effect_writer.h"

#include "poller/engine/notices.h"
#include "poller/engine/replies/decide.h"
#include "store/database.h"
#include "store/job_queue.h"
#include "store/metric_counters.h"
#include "store/notifications.h"
#include "store/quota_ledger.h"
#include "store/result_log.h"
#include "store/run_times.h"
#include "tests/support/claim.h"
#include "tests/support/temp_dir.h"
#include "tests/support/user.h"

#include <doctest/doctest.h>

using namespace kdq;

namespace {

const Moment now{*parse_time("2126-03-02 09:01:00"), SteadyTime(std::chrono::hours(1))};

/// One job that runs, with a status request on its way.
struct Fixture {
  Fixture() {
    user.enqueue("f", "x", "n");
    database.write([&] {
      const auto claimed = test::claim_job(database, queue, 1);
      task.id = claimed->id;
      task.app = claimed->app;
      task.row = claimed->row;
      task.row.state = JobState::running;
      task.row.task_id = "T";
      task.row.submitted_at = now.wall;
      ++task.row.rev;
      queue.save(task.id, claimed->row, task.row);
      request.intent = {task.id, 1, Endpoint::status, now.wall, task.row.rev};
      request.paid_from = key;
      request.log_begins = request.log_complete_until = now.wall;
      requests.begin(request.intent);
      ledger.take(key, 100, 1);
    });
    task.timeout = std::chrono::hours(1);
  }
  Effects decided(const Delivery& delivery, const Facts& facts = {}) {
    return decide(judge(request, delivery), &task, facts, now);
  }
  /// As often as Database::write() may run it.
  bool save(const Effects& effects, int times = 1) {
    std::vector<bool> ours;
    database.write([&] {
      for (int i = 0; i < times; ++i)
        ours = writer.save({&effects});
    });
    return ours.at(0);
  }
  std::int64_t count(const std::string& of) { return user.number("SELECT count(*) FROM " + of); }

  test::TempDir dir;
  Database database{dir / "queue.db"};
  JobQueue queue{database};
  RequestLog requests{database};
  ResultLog log{database};
  QuotaLedger ledger{database};
  RunTimes run_times{database};
  std::vector<NotifyRule> rules; ///< nobody is to be told
  Notifications notifications{database};
  Notices notices{rules, notifications};
  MetricCounters metrics{database};
  EffectWriter writer{queue, requests, log, ledger, run_times, notices, metrics};
  test::User user{dir / "queue.db"};
  QuotaKey key{"default", Endpoint::status, "2126-03-02"};
  Task task;
  InFlight request;
};

const Delivery report = Answered{
    200,
    R"({"error":"","status":"running","data":{"logs":[{"args":["a"],"level":"info"}],"result":""}})",
    {}};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a plain report leaves its lines and a poll, and nothing else") {
  CHECK(save(decided(report)));
  CHECK(user.text("SELECT message FROM logs") == "a");
  CHECK(user.number("SELECT polls FROM jobs") == 1);
  CHECK(user.text("SELECT reported_at FROM jobs") == to_text(now.wall));
  CHECK(count("requests") == 0);
  CHECK(count("in_flight") == 0);
}

TEST_CASE_FIXTURE(Fixture, "of a cancelled job's reply lines, poll, gap and body are kept") {
  user.exec("UPDATE jobs SET state = 'cancelled'");
  SUBCASE("a report") {
    CHECK(!save(decided(report)));
    CHECK(user.text("SELECT message FROM logs") == "a");
    CHECK(user.number("SELECT log_gaps FROM jobs") == 0);
  }
  SUBCASE("one that was lost") {
    CHECK(!save(decided(Unanswered{"it broke off", 0, "{"})));
    CHECK(user.text("SELECT level FROM logs") == "gap");
    CHECK(user.number("SELECT log_gaps FROM jobs") == 1);
  }
  CHECK(user.text("SELECT state FROM jobs") == "cancelled");
  CHECK(user.number("SELECT polls FROM jobs") == 1);
  CHECK(user.number("SELECT length(body) > 0 FROM requests") == 1);
  CHECK(count("in_flight") == 0);
}

TEST_CASE_FIXTURE(Fixture, "of a deleted job's reply nothing is stored") {
  user.exec("UPDATE jobs SET state = 'cancelled'; DELETE FROM jobs");
  CHECK(!save(decided(report)));
  CHECK(count("logs") == 0);
  CHECK(count("requests") == 0);
}

TEST_CASE_FIXTURE(Fixture, "in a file that was restored the reply of the other one is not stored") {
  const Effects effects = decided(report);
  database.write([&] { // an older state of the job, without this request
    JobRow older = task.row;
    older.rev += 7;
    queue.save(task.id, task.row, older);
    requests.end(request.intent);
  });
  CHECK(!save(effects));
  CHECK(count("logs") == 0);
  CHECK(user.text("SELECT state FROM jobs") == "running");
}

TEST_CASE_FIXTURE(Fixture,
                  "the ledger gets back what was never sent, and learns what others spent") {
  SUBCASE("never sent") {
    CHECK(save(decided(NotSent{"no route"})));
    CHECK(user.number("SELECT used FROM quota") == 0);
    CHECK(user.number("SELECT polls FROM jobs") == 0);
  }
  SUBCASE("spent by others") {
    Facts facts;
    facts.spent_by_others = 100;
    CHECK(save(decided(Answered{200, R"({"code":30002})", {}}, facts)));
    CHECK(user.number("SELECT used FROM quota") == 100);
    CHECK(user.number("SELECT others FROM quota") == 99);
  }
}

TEST_CASE_FIXTURE(Fixture, "what an end has taught is stored with it") {
  Effects effects = decided(report);
  effects.learnt.push_back({"s:x", 1, now.wall, {}});
  CHECK(save(effects));
  database.read([&] { CHECK(run_times.load("default").size() == 1); });
}

TEST_CASE_FIXTURE(Fixture,
                  "a script that failed goes back to the queue with the time of its next run") {
  Facts facts;
  facts.retry.max_attempts = 2;
  const Effects effects = decided(
      Answered{200, R"({"error":"e","status":"finish","data":{"logs":[],"result":""}})", {}},
      facts);
  REQUIRE(effects.row->rerun);
  CHECK(save(effects));
  CHECK(user.text("SELECT state FROM jobs") == "queued");
  CHECK(user.text("SELECT run_at FROM jobs") == to_text(effects.row->rerun->not_before));
}
