// The pages about what has failed and what is to be decided.
#include "tests/daemon/web/job_world.h"

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;

namespace {

struct Fixture : JobWorld {
  /// So many ended jobs in one INSERT, as a daemon would have left them.
  void many(int count, const std::string& state, const std::string& cause,
            const std::string& finished_at) {
    user.exec("DROP TRIGGER IF EXISTS jobs_insert; DROP TRIGGER IF EXISTS jobs_inserted;"
              "INSERT INTO jobs(file_token, script, state, cause, error, finished_at, app) WITH "
              "RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
              std::to_string(count) + ") SELECT 'f', 'x', '" + state + "', '" + cause +
              "', 'error ' || i, '" + finished_at + "', 'app' || (i % 2) FROM n");
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "nothing has failed, nothing is to be decided: it says so") {
  CHECK(contains(shown("/failures"), "No job has failed"));
  CHECK(contains(shown("/unconfirmed"), "No job is to be decided."));
}

TEST_CASE_FIXTURE(Fixture, "failures are counted by cause in the time that is asked for") {
  many(3, "failed", "script", "2125-12-31 20:00:00.000");
  many(2, "timed_out", "silent", "2125-12-28 00:00:00.000");
  many(4, "failed", "script", "2120-01-01 00:00:00.000");
  many(5, "cancelled", "user", "2125-12-31 20:00:00.000"); // no dead letter
  const std::string day = shown("/failures");
  CHECK(contains(day, "<code>script</code>: 3"));
  CHECK_FALSE(contains(day, "silent"));
  CHECK_FALSE(contains(day, "user"));
  CHECK(contains(day, "error 3"));
  CHECK(contains(day, "/jobs?cause=script&amp;app=app0"));
  const std::string week = shown("/failures?span=week");
  CHECK(contains(week, "<code>silent</code>: 2"));
  CHECK(contains(week, "KDocs did not say after timeout_s"));
  CHECK(contains(shown("/failures?span=all"), "<code>script</code>: 7"));
  CHECK(contains(shown("/failures?span=nonsense"), "<code>script</code>: 3"));
  CHECK(contains(day, "name=\"f_cause\" value=\"script\""));
  // The list and the button are about those that were counted.
  CHECK(contains(day, "name=\"f_ended_since\" value=\"2125-12-31 00:00:00.000\""));
  CHECK(contains(day, "/jobs?cause=script&amp;ended_since=2125-12-31%2000%3A00%3A00.000"));
  CHECK(contains(shown("/failures?span=all"), "name=\"f_ended_since\" value=\"\""));
  CHECK_FALSE(contains(shown(visit("/failures", false)), "<form"));
}

TEST_CASE_FIXTURE(Fixture, "very many failures are counted up to a bound") {
  many(30'000, "failed", "script", "2125-12-31 20:00:00.000");
  CHECK(contains(shown("/failures"), "&gt; 10\xE2\x80\x89"
                                     "000"));
}

TEST_CASE_FIXTURE(Fixture, "failures are found by their index") {
  const std::string steps = [&] {
    std::string all;
    for (const std::string& step :
         plan("SELECT count(*) FROM (SELECT 1 FROM jobs INDEXED BY jobs_cause WHERE cause IS NOT "
              "NULL AND cause = 'a' AND state IN ('failed', 'timed_out') AND finished_at >= '' "
              "LIMIT 10)"))
      all += step + "\n";
    return all;
  }();
  CHECK(contains(steps, "COVERING INDEX jobs_cause (cause=? AND state=? AND finished_at>?)"));
}

TEST_CASE_FIXTURE(Fixture, "what is unconfirmed comes with what is known of it, oldest first") {
  daemon_runs();
  const std::int64_t job = unconfirmed("f1");
  user.exec("UPDATE jobs SET error = 'the reply to its start was lost'");
  user.exec("INSERT INTO requests(job_id, attempt, endpoint, sent_at, outcome) VALUES (1, 1, "
            "'submit', '2026-01-01 00:00:00', 'unknown')");
  line(job, 1, 1, "info", "a line of it");
  const std::int64_t later = user.enqueue("f1", "y", "the next one");
  const std::int64_t other = unconfirmed("f2");
  const Page all = page(visit("/unconfirmed"));
  const std::string first = part(all, "job-1");
  CHECK(contains(first, "the reply to its start was lost"));
  CHECK(contains(first, "unknown whether the script ran"));
  CHECK(contains(first, "a line of it"));
  CHECK(contains(first, "the next one"));
  CHECK(contains(first, "/jobs/" + std::to_string(later)));
  CHECK(contains(first, "value=\"cancel\""));
  CHECK(contains(first, "value=\"rerun\""));
  CHECK(contains(part(all, "job-" + std::to_string(other)), "none among the next"));
  CHECK(contains(part(all, "all"), "name=\"f_state\" value=\"unconfirmed\""));
  CHECK_FALSE(contains(shown(visit("/unconfirmed", false)), "<form"));
}

TEST_CASE_FIXTURE(Fixture, "many unconfirmed jobs come page by page, each once") {
  daemon_runs();
  for (int i = 0; i < 40; ++i)
    unconfirmed("f" + std::to_string(i % 3));
  const auto walk = [&] {
    std::vector<std::string> jobs;
    std::string address = "/unconfirmed";
    for (int pages = 0; !address.empty() && pages < 10; ++pages) {
      const Page shows = page(visit(address));
      for (const Part& part : shows.parts)
        if (part.id.starts_with("job-"))
          jobs.push_back(part.id);
      const std::string more = part(shows, "more");
      const std::size_t at = more.find("href=\"");
      address.clear();
      if (at != std::string::npos)
        for (const char c : more.substr(at + 6, more.find('"', at + 6) - at - 6))
          address += c;
      if (const std::size_t amp = address.find("&amp;"); amp != std::string::npos)
        address.replace(amp, 5, "&");
    }
    return jobs;
  };
  const std::vector<std::string> by_age = walk();
  REQUIRE(by_age.size() == 40);
  CHECK(by_age.front() == "job-1");
  CHECK(by_age.back() == "job-40");
  user.exec("UPDATE job_counts SET jobs = 20000 WHERE state = 'running'"); // too many to be sorted
  std::vector<std::string> by_file = walk();
  CHECK(by_file.at(1) == "job-4");
  std::sort(by_file.begin(), by_file.end());
  CHECK(std::unique(by_file.begin(), by_file.end()) == by_file.end());
  CHECK(by_file.size() == 40);
}

TEST_CASE_FIXTURE(Fixture, "no text on these pages comes alive") {
  daemon_runs();
  user.exec("DROP TRIGGER jobs_insert; DROP TRIGGER jobs_inserted");
  plant("INSERT INTO jobs(file_token, script, script_name, app, state, cause, error, finished_at) "
        "VALUES (?, ?, ?, ?, 'failed', ?, ?, '2125-12-31 20:00:00.000')");
  plant("INSERT INTO jobs(file_token, script, script_name, app, state, error, submitted_at) VALUES "
        "(?, ?, ?, ?, 'unconfirmed', ?, ?)");
  plant("INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at) VALUES (2, 1, 1, "
        "?, ?, ?, ?)");
  plant("INSERT INTO requests(job_id, attempt, endpoint, sent_at, outcome, body) VALUES (2, 1, ?, "
        "?, ?, CAST(? AS BLOB))");
  plant("INSERT INTO jobs(file_token, script, script_name) VALUES (?, ?, ?)");
  for (const char* address : {"/failures", "/failures?span=all", "/unconfirmed"})
    for (const Language language : {Language::english, Language::chinese}) {
      Visit asks = visit(address);
      asks.language = language;
      const std::string all = shown(asks);
      CHECK(trouble_of(all) == "");
      CHECK(contains(all, "&lt;script&gt;"));
    }
}
