// Starts that are kept for the jobs of schedules.
#include "poller/engine/requests/start_reserve.h"

#include "poller/engine/app_state.h"
#include "poller/engine/app_tokens.h"
#include "poller/engine/day_budgets.h"
#include "poller/engine/notices.h"
#include "poller/engine/refused_jobs.h"
#include "poller/engine/requests/file_slots.h"
#include "poller/engine/requests/round_plan.h"
#include "poller/engine/requests/start_chooser.h"
#include "poller/engine/requests/start_finder.h"
#include "poller/engine/requests/start_pace.h"
#include "poller/engine/status_writer.h"
#include "poller/schedule/price_schedule.h"
#include "store/metric_counters.h"
#include "store/notifications.h"
#include "store/quota_ledger.h"
#include "tests/support/engine_world.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;

namespace {

struct FakeReserve : StartReserve {
  std::int64_t starts_needed(const std::string& app, WallTime until) override {
    asked_until = until;
    return app == "default" ? needed : 0;
  }
  std::int64_t needed = 0;
  WallTime asked_until;
};

using Ids = std::vector<std::int64_t>;

/// Ten starts a day; the quota day ends at 16:00 UTC.
struct Fixture {
  Fixture() {
    AppState& app = apps.at("default");
    app.schedule = std::make_unique<PriceSchedule>(PriceSchedule::Options{});
    database.read([&] {
      app.schedule->restore({}, {}, {}, clock.now().steady, budgets.today(app, clock.now()));
    });
    user.exec("INSERT INTO daemon(one, started_at, max_running, max_running_per_file) "
              "VALUES (1, '2026-01-01 00:00:00.000', 100, 1)");
  }

  /// Jobs on files of their own, or on this one.
  void insert(int count, bool scheduled, const std::string& file = "") {
    for (int i = 0; i < count; ++i) {
      ++last;
      const std::string number = std::to_string(last);
      user.exec("INSERT INTO jobs(file_token, script, schedule, scheduled_at) VALUES ('" +
                (file.empty() ? "f" + number : file) + "', 'x', " +
                (scheduled ? "'s', '2126-01-01 00:00:00." + std::to_string(100 + last) + "'"
                           : "NULL, NULL") +
                ")");
    }
  }
  Ids chosen() {
    RoundPlan plan;
    plan.start_places = Shares(64);
    plan.start_places.keep_for("default", 0);
    tokens.begin_round();
    database.read([&] { chooser.choose(plan, clock.now()); });
    Ids ids;
    for (const auto& entry : plan.starts)
      ids.push_back(entry.id.value);
    return ids;
  }
  void spend(std::int64_t starts) {
    const QuotaKey key = apps.at("default").breaker.quota_key(Endpoint::submit, clock.now().wall);
    database.write([&] { ledger.take(key, 10, starts); });
  }
  std::string why_not() {
    Notices notices(settings.notify, notifications);
    StatusWriter writer(status_tables, metrics, database, tasks, apps, events, notices, settings);
    database.write([&] { writer.begin(clock.now()); });
    return user.text("SELECT coalesce(unscheduled_wait || ' ' || unscheduled_at, '') FROM apps");
  }

  TempDir dir;
  Database database{dir.path() / "queue.db"};
  User user{dir.path() / "queue.db"};
  FakeClock clock{
      std::chrono::time_point_cast<std::chrono::milliseconds>(*parse_time("2126-03-02 09:00:00"))};
  EngineSettings settings = test_app(10, 10'000);
  AppStates apps = make_apps(settings);
  TaskTable tasks;
  Pauses pauses;
  JobQueue queue{database};
  QueueScanner scanner{database};
  Dependencies dependencies{database};
  QuotaLedger ledger{database};
  StatusTables status_tables{database};
  MetricCounters metrics{database};
  Notifications notifications{database};
  DayBudgets budgets{queue, ledger};
  FakeTokens token;
  AppTokens tokens{token};
  StartPace pace;
  FileSlots slots{tasks, pauses, settings};
  FakeReserve reserve;
  RecordingEvents events;
  RefusedJobs refused{database, status_tables, clock, events};
  StartFinder finder{scanner, apps, tasks, budgets, ledger, reserve, slots, pauses, refused};
  StartChooser chooser{queue,  dependencies, tasks, apps,    budgets, tokens,
                       finder, slots,        pace,  refused, settings};
  int last = 0;
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "without schedules nothing is kept") {
  insert(12, false);
  CHECK(chosen().size() == 12); // the ledger says how many of them are sent
  CHECK(reserve.asked_until == *parse_time("2126-03-02 16:00:00"));
  CHECK(why_not() == "");
}

TEST_CASE_FIXTURE(Fixture,
                  "jobs without schedule are started while more is left than schedules need") {
  reserve.needed = 4;
  insert(12, false);
  insert(2, true);
  CHECK(chosen() == Ids{1, 2, 3, 4, 5, 6, 13, 14});
  CHECK(why_not() == "");
  spend(5);
  CHECK(chosen() == Ids{1, 13, 14});
  reserve.needed = 2; // those two were started
  spend(2);
  CHECK(chosen() == Ids{1, 13, 14});
}

TEST_CASE_FIXTURE(Fixture,
                  "what is left for schedules is for their jobs, whatever is queued before them") {
  reserve.needed = 4;
  insert(300, false);
  insert(2, true);
  spend(6);
  CHECK(chosen() == Ids{301, 302});
  CHECK(why_not() == "the last 4 starts of today are kept for jobs that have a schedule; others "
                     "are started again at 2126-03-02 16:00:00 UTC 2126-03-02 16:00:00.000");
  CHECK(user.text("SELECT reason FROM waiting WHERE job_id = 1").starts_with("the last 4 starts"));
  CHECK(user.text("SELECT reason FROM waiting WHERE job_id = 301") == "it is next in line");
  reserve.needed = 3;
  CHECK(chosen().front() == 1);
  CHECK(why_not() == "");
}

TEST_CASE_FIXTURE(Fixture, "more than is left may be needed") {
  reserve.needed = 1'000'000;
  insert(3, false);
  insert(3, true);
  CHECK(chosen() == Ids{1, 4, 5, 6}); // a tenth of the day is not kept
  spend(1);
  CHECK(chosen() == Ids{4, 5, 6});
  spend(9);
  CHECK(chosen() == Ids{4, 5, 6}); // until the ledger says no, and the app waits
}

TEST_CASE_FIXTURE(Fixture, "a job that has a schedule does not wait behind its file's bulk load") {
  reserve.needed = 4;
  insert(5, false, "f");
  insert(2, true, "f");
  spend(6);
  CHECK(chosen() == Ids{6});
}
