// The page of a job: what it says in each state, its log piece by piece, its result, and that no
// text of the database comes alive.
#include "tests/daemon/web/job_world.h"

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;

namespace {} // namespace

TEST_CASE_FIXTURE(JobWorld, "there is no page of a job that is not there") {
  CHECK(page(visit("/jobs/7")).status == 404);
  CHECK(page(visit("/jobs/7?line=1.1")).status == 404);
}

TEST_CASE_FIXTURE(JobWorld, "a job that waits says why and until when") {
  daemon_runs();
  user.exec(
      "INSERT INTO jobs(file_token, script, run_at) VALUES ('f', 'x', '2126-06-01 00:00:00')");
  const std::string head = part(page(visit("/jobs/1")), "head");
  CHECK(contains(head, "its time has not come"));
  CHECK(contains(head, "Expected to start:"));
  CHECK(contains(head, "2126-06-01T00:00:00"));
  Visit chinese = visit("/jobs/1");
  chinese.language = Language::chinese;
  CHECK(contains(part(page(chinese), "head"), "等待中："));
}

TEST_CASE_FIXTURE(JobWorld, "each state has its buttons, and none without the right to act") {
  daemon_runs();
  const auto actions = [&](std::int64_t job, bool may_act = true) {
    return part(page(visit("/jobs/" + std::to_string(job), may_act)), "actions");
  };
  const std::int64_t waits = user.enqueue("f", "x", "");
  CHECK(contains(actions(waits), "value=\"cancel\""));
  CHECK(contains(actions(waits), "value=\"pause\""));
  CHECK_FALSE(contains(actions(waits), "value=\"rerun\""));
  user.exec("INSERT INTO pauses(scope, key) VALUES ('file', 'f')");
  CHECK(contains(actions(waits), "value=\"resume\""));
  const std::int64_t runs = running("g");
  CHECK(contains(actions(runs), "value=\"watch\""));
  CHECK(contains(actions(runs), "value=\"cancel\""));
  REQUIRE(end(runs, JobState::succeeded));
  CHECK(actions(runs).empty());
  CHECK(contains(actions(failed()), "value=\"rerun\""));
  const std::string decides = actions(unconfirmed("h"));
  CHECK(contains(decides, "value=\"rerun\""));
  CHECK(contains(decides, "value=\"cancel\""));
  CHECK(actions(waits, false).empty());
}

TEST_CASE_FIXTURE(JobWorld, "a job that runs is to be watched by who may act") {
  const std::int64_t job = running();
  const auto to_watch = [&](bool may_act) {
    return page(visit("/jobs/" + std::to_string(job), may_act)).to_watch;
  };
  CHECK(to_watch(true) == job);
  CHECK_FALSE(to_watch(false));
  user.exec("INSERT INTO watches VALUES (1, '2126-01-01 00:04:00')");
  CHECK(to_watch(true) == job);
  user.exec("INSERT INTO watches VALUES (1, '2126-01-01 00:09:00')");
  CHECK_FALSE(to_watch(true));
  REQUIRE(end(job, JobState::succeeded));
  user.exec("DELETE FROM watches");
  CHECK_FALSE(to_watch(true));
}

TEST_CASE_FIXTURE(JobWorld, "the last lines come first, the others behind a link, each once") {
  const std::int64_t job = running();
  user.exec("BEGIN");
  for (int seq = 1; seq <= 1203; ++seq)
    line(job, 1, seq, "info", "<" + std::to_string(seq) + ">");
  user.exec("COMMIT");
  const auto shows = [&](const std::string& log, int seq) {
    return contains(log, "&lt;" + std::to_string(seq) + "&gt;");
  };
  const Page last = page(visit("/jobs/1"));
  CHECK(last.live);
  CHECK(last.place == "1.1203");
  CHECK(std::any_of(last.parts.begin(), last.parts.end(),
                    [](const Part& each) { return each.id == "log" && each.grows; }));
  const std::string log = part(last, "log");
  CHECK(count_of(log, "&lt;") == 500);
  CHECK(shows(log, 704));
  CHECK(shows(log, 1203));
  REQUIRE(contains(log, "log_before=1.704#log"));
  const Page before = page(visit("/jobs/1?log_before=1.704"));
  CHECK_FALSE(before.live);
  CHECK(shows(part(before, "log"), 204));
  CHECK(shows(part(before, "log"), 703));
  CHECK_FALSE(shows(part(before, "log"), 704));
  const std::string first = part(page(visit("/jobs/1?log_before=1.204")), "log");
  CHECK(count_of(first, "&lt;") == 203);
  CHECK_FALSE(contains(first, "Earlier lines"));
}

TEST_CASE_FIXTURE(JobWorld, "a live log goes on at its place, in order, until all is there") {
  const std::int64_t job = running();
  Visit live = visit("/jobs/1");
  live.place = page(live).place;
  CHECK(live.place == "0.0");
  user.exec("BEGIN");
  for (int seq = 1; seq <= 1203; ++seq)
    line(job, 1, seq, "info", "<" + std::to_string(seq) + ">");
  user.exec("COMMIT");
  line(job, 2, 1, "info", "<1204>");
  std::string all;
  int renders = 0;
  for (std::string piece = "."; !piece.empty() && renders < 10; ++renders) {
    const Page next = page(live);
    piece = part(next, "log");
    CHECK_FALSE(contains(piece, "<table"));
    all += piece;
    live.place = next.place;
  }
  CHECK(renders == 4); // the last one has nothing more
  CHECK(live.place == "2.1");
  std::size_t at = 0;
  for (int seq = 1; seq <= 1204; ++seq) {
    at = all.find("&lt;" + std::to_string(seq) + "&gt;", at);
    REQUIRE(at != std::string::npos);
  }
  CHECK(count_of(all, "&lt;") == 1204);
  CHECK(count_of(all, "class=\"attempt\"") == 2);
  live.place = "nonsense";
  CHECK(count_of(part(page(live), "log"), "&lt;") == 500); // as from the beginning
}

TEST_CASE_FIXTURE(JobWorld, "few long lines are enough for once, and each is to be had whole") {
  const std::int64_t job = running();
  user.exec("BEGIN");
  for (int seq = 1; seq <= 200; ++seq)
    line(job, 1, seq, "info", std::string(50'000, 'y') + "end");
  user.exec("COMMIT");
  const std::string log = part(page(visit("/jobs/1")), "log");
  CHECK(log.size() < 1'000'000);
  CHECK(contains(log, "log_before=1."));
  CHECK(contains(log, "line=1.200"));
  CHECK_FALSE(contains(log, "end"));
  CHECK(contains(shown("/jobs/1?line=1.200"), "yend"));
}

TEST_CASE_FIXTURE(JobWorld, "lines that become long as markup are bounded as that, and go on") {
  const std::int64_t job = running();
  user.exec("BEGIN");
  for (int seq = 1; seq <= 250; ++seq)
    line(job, 1, seq, "info", std::to_string(seq) + std::string(4000 - 3, '"'));
  user.exec("COMMIT");
  const std::string last = part(page(visit("/jobs/1")), "log");
  CHECK(last.size() < 300'000);
  CHECK(contains(last, ">250&quot;"));
  CHECK(contains(last, "Earlier lines"));
  Visit live = visit("/jobs/1");
  live.place = "0.0";
  int lines = 0;
  for (int i = 0; i < 100 && live.place != "1.250"; ++i) {
    const Page next = page(live);
    CHECK(part(next, "log").size() < 300'000);
    lines += count_of(part(next, "log"), "<tr class=\"\">");
    live.place = next.place;
  }
  CHECK(lines == 250);
}

TEST_CASE_FIXTURE(JobWorld, "sixty lines of a megabyte are shown, as far as it is quick") {
  const std::int64_t job = running();
  user.exec("BEGIN");
  for (int seq = 1; seq <= 60; ++seq)
    line(job, 1, seq, "info", std::string(1'000'000, 'y'));
  user.exec("COMMIT");
  CHECK(contains(part(page(visit("/jobs/1")), "log"), "line=1.60"));
  Visit live = visit("/jobs/1");
  live.place = "0.0";
  CHECK(contains(part(page(live), "log"), "line=1.1"));
}

TEST_CASE_FIXTURE(JobWorld, "an attempt beyond all ours is a line like others, once") {
  const std::int64_t job = running();
  user.exec("INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at) VALUES (" +
            std::to_string(job) + ", 3000000000, 1, 'info', '[]', 'far', '2026-01-01')");
  Visit live = visit("/jobs/1");
  live.place = "1.1";
  const Page next = page(live);
  CHECK(contains(part(next, "log"), "far"));
  live.place = next.place;
  CHECK(live.place == "3000000000.1");
  CHECK(part(page(live), "log") == "");
}

TEST_CASE_FIXTURE(JobWorld, "a gap stands out, with the times between which lines may lack") {
  const std::int64_t job = running();
  line(job, 1, 1, "gap", "the reply was lost",
       R"(["lost", "2026-01-01 10:00:00.000", "2026-01-01 10:00:05.000"])");
  line(job, 1, 2, "gap", "of somebody else", "{}");
  const std::string log = part(page(visit("/jobs/1")), "log");
  CHECK(count_of(log, "<tr class=\"gap\">") == 2);
  CHECK(contains(log, "the reply was lost"));
  CHECK(contains(log, "2026-01-01T10:00:05"));
}

TEST_CASE_FIXTURE(JobWorld, "a result is a table, a tree or a text, bounded in each case") {
  const std::int64_t job = running();
  REQUIRE(end(job, JobState::succeeded));
  const auto result = [&](const std::string& text) {
    plant("UPDATE jobs SET result = ?", text);
    const std::string shown = part(page(visit("/jobs/1")), "result");
    CHECK(trouble_of(shown) == "");
    return shown;
  };
  CHECK(contains(result(R"([[1, "a"], [2, "b", null]])"), "<th scope=\"col\">3</th>"));
  CHECK(contains(result(R"([{"name": 1}, {"other": "<b>"}])"), "<td>&lt;b&gt;</td>"));
  CHECK(contains(result(R"({"a": {"b": [1, {"c": "deep"}]}})"), "deep"));
  CHECK(contains(result("\"plain\""), "plain"));
  CHECK(contains(result("not JSON"), "not JSON"));
  CHECK(contains(result(std::string(100'000, '[') + std::string(100'000, ']')), "<details"));
  std::string wide = "[";
  for (int i = 0; i < 5000; ++i)
    wide += (i ? ",[" : "[") + std::to_string(i) + ",1]";
  CHECK(result(wide + "]").size() < 60'000);
  const std::string huge = result("\"" + std::string(400'000, 'z') + "\"");
  CHECK(huge.size() < 25'000);
  CHECK(contains(huge, "/jobs/1/result"));
  user.exec("UPDATE jobs SET result = NULL");
  CHECK(part(page(visit("/jobs/1")), "result").empty());
}

TEST_CASE_FIXTURE(JobWorld,
                  "what it needs, who needs it, what it gets, and how long it usually runs") {
  daemon_runs();
  const std::int64_t first = running();
  REQUIRE(end(first, JobState::succeeded, "[1, 2]"));
  user.exec("INSERT INTO jobs(file_token, script, depends_on, pass_as) VALUES ('g', 'y', 1, 'in')");
  const std::string next = shown("/jobs/2");
  CHECK(contains(next, "must succeed: met"));
  CHECK(contains(next, "if it started now"));
  CHECK(contains(next, "[1,2]"));
  CHECK(contains(shown("/jobs/1"), "Who needs it"));
  user.exec("INSERT INTO run_times VALUES ('default', 1, 'f:f/name', '2026-01-01', 0, 90, 4100), "
            "('default', 2, 'f:f/name', '2026-01-01', 4000, 6000, NULL), "
            "('default', 3, 'f:other/name', '2026-01-01', 1, 1, 1), "
            "('default', 4, 'f:f/name', '2026-01-01', 0, 0, 7000)");
  CHECK(contains(part(page(visit("/jobs/1")), "head"), "usually 5.0 s"));
}

TEST_CASE_FIXTURE(JobWorld, "requests are shown with what was answered") {
  const std::int64_t job = running();
  user.exec("INSERT INTO requests(job_id, attempt, endpoint, sent_at, answered_at, http_status, "
            "outcome, body) VALUES (1, 1, 'submit', '2026-01-01 00:00:00', '2026-01-01 "
            "00:00:03.000', 502, 'unknown', CAST('<html>bad gateway</html>' AS BLOB))");
  user.exec("INSERT INTO in_flight(job_id, attempt, endpoint, sent_at, rev) VALUES (1, 1, "
            "'status', '2026-01-01 00:00:09.000', 0)");
  const std::string requests = part(page(visit("/jobs/" + std::to_string(job))), "requests");
  CHECK(contains(requests, "unknown whether the script ran"));
  CHECK(contains(requests, "after 3.0 s"));
  CHECK(contains(requests, "&lt;html&gt;bad gateway"));
  CHECK(contains(requests, "/requests/1/body"));
  CHECK(contains(requests, "A request is on its way:"));
}

TEST_CASE_FIXTURE(JobWorld, "no text of a job comes alive") {
  daemon_runs();
  plant("INSERT INTO batches(name) VALUES (?)");
  plant("INSERT INTO jobs(file_token, script, script_name, argv, app, class, unique_key, schedule, "
        "batch_id) VALUES (?, ?, ?, json_object('a', ?), ?, ?, ?, ?, 1)");
  plant("INSERT INTO jobs(file_token, script, script_name, depends_on, pass_as) VALUES ('f', 'x', "
        "?, 1, 'in<b>')");
  CHECK(trouble_of(shown("/jobs/1")) == "");
  go(1, {"submitting", "running"});
  plant("UPDATE jobs SET task_id = ?, remote_status = ?, error = ?, progress = 40, progress_text = "
        "?, result = json_array(json_object(?, ?)), submitted_at = ?");
  for (const char* level : {"info", "gap"})
    plant("INSERT INTO logs(job_id, attempt, seq, level, filename, timestamp, args, message, "
          "fetched_at) VALUES (1, 1, " +
          std::string(level == std::string("gap") ? "2" : "1") + ", '" + level +
          "', ?, ?, json_array(?, ?, ?), ?, ?)");
  plant("INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at) VALUES (1, 1, 3, "
        "?, ?, ?, ?)");
  plant("INSERT INTO requests(job_id, attempt, endpoint, sent_at, answered_at, outcome, body) "
        "VALUES (1, 1, ?, ?, ?, ?, CAST(? || x'FF' AS BLOB))");
  for (const char* address : {"/jobs/1", "/jobs/2", "/jobs/1?line=1.1", "/jobs/1?log_before=1.3"})
    for (const Language language : {Language::english, Language::chinese}) {
      Visit asks = visit(address);
      asks.language = language;
      const std::string all = shown(asks);
      CHECK(trouble_of(all) == "");
      CHECK(contains(all, "&lt;script&gt;"));
    }
}
