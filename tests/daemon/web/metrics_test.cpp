// What /metrics says of a queue, as Prometheus' text format wants it.
#include "daemon/web/metrics.h"
#include "store/metric_counters.h"
#include "store/request_log.h"
#include "tests/daemon/web/web_fixture.h"

#include <fstream>
#include <iterator>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;
using namespace std::chrono_literals;

namespace {

const WallTime now = *parse_time("2126-03-02 10:00:00");

struct Fixture : PageFixture {
  std::string metrics() {
    Reader reader(file);
    return metrics_text(reader, now);
  }
  void count(const std::function<void(MetricCounters&)>& events) {
    MetricCounters counters(database);
    database.write([&] {
      counters.begin_series({"default"});
      events(counters);
    });
  }
};

std::string text_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

} // namespace

TEST_CASE_FIXTURE(Fixture, "jobs that have not ended, and how long the oldest could start") {
  user.exec(
      "INSERT INTO jobs(file_token, script, created_at) VALUES "
      "('a', 'x', '2126-03-02 09:59:00'), ('b', 'x', '2126-03-02 09:58:30');"
      "INSERT INTO jobs(file_token, script, run_at) VALUES ('c', 'x', '2126-05-01 00:00:00')");
  CHECK(has_line(metrics(), "kdocs_queued_jobs{state=\"queued\"} 3"));
  CHECK(has_line(metrics(), "kdocs_queued_oldest_ready_seconds 90"));
  user.exec("DELETE FROM jobs");
  CHECK(has_line(metrics(), "kdocs_queued_oldest_ready_seconds 0"));
}

TEST_CASE_FIXTURE(Fixture, "counters are those that are kept, histograms cumulative") {
  daemon_runs();
  count([](MetricCounters& counters) {
    for (const auto span : {50ms, 70ms, 2000ms, 7'200'000ms})
      counters.job_ran("default", span);
    counters.job_finished("default", JobState::succeeded);
    counters.job_finished("default", JobState::failed);
    counters.job_finished("default", JobState::failed);
    counters.request_ended("default", Endpoint::status, RequestOutcome::report);
    counters.log_gap();
  });
  const std::string text = metrics();
  CHECK(has_line(text, "kdocs_queued_jobs_finished_total{app=\"default\",state=\"failed\"} 2"));
  CHECK(has_line(text, "kdocs_queued_jobs_finished_total{app=\"default\",state=\"cancelled\"} 0"));
  CHECK(has_line(text, "kdocs_queued_requests_total{app=\"default\",endpoint=\"status\","
                       "outcome=\"report\"} 1"));
  CHECK(has_line(text, "kdocs_queued_log_gaps_total 1"));
  CHECK(has_line(text, "kdocs_queued_job_run_seconds_bucket{app=\"default\",le=\"0.1\"} 2"));
  CHECK(has_line(text, "kdocs_queued_job_run_seconds_bucket{app=\"default\",le=\"1\"} 2"));
  CHECK(has_line(text, "kdocs_queued_job_run_seconds_bucket{app=\"default\",le=\"2.5\"} 3"));
  CHECK(has_line(text, "kdocs_queued_job_run_seconds_bucket{app=\"default\",le=\"3600\"} 3"));
  CHECK(has_line(text, "kdocs_queued_job_run_seconds_bucket{app=\"default\",le=\"+Inf\"} 4"));
  CHECK(has_line(text, "kdocs_queued_job_run_seconds_count{app=\"default\"} 4"));
  CHECK(has_line(text, "kdocs_queued_job_run_seconds_sum{app=\"default\"} 7202.12"));
}

TEST_CASE_FIXTURE(Fixture, "quotas, apps and tokens") {
  daemon_runs();
  user.exec("UPDATE apps SET state = 'blocked', token_expires_at = '2126-03-02 11:00:00.000', "
            "day = '2126-03-02', day_begins = '2126-03-01 16:00:00.000', "
            "day_ends = '2126-03-02 16:00:00.000';"
            "INSERT INTO quota(app, endpoint, day, allowed, used) "
            "VALUES ('default', 'submit', '2126-03-02', 500, 7)");
  const std::string text = metrics();
  CHECK(has_line(text, "kdocs_queued_quota_used{app=\"default\",endpoint=\"submit\"} 7"));
  CHECK(has_line(text, "kdocs_queued_quota_limit{app=\"default\",endpoint=\"status\"} 10000"));
  CHECK(has_line(text, "kdocs_queued_app_up{app=\"default\"} 0"));
  const auto expires = *parse_time("2126-03-02 11:00:00");
  CHECK(has_line(text, "kdocs_queued_token_expires_timestamp_seconds{app=\"default\"} " +
                           std::to_string(expires.time_since_epoch().count() / 1000)));
}

TEST_CASE_FIXTURE(Fixture, "a name cannot end its label or its line") {
  user.exec("INSERT INTO apps(name) VALUES ('a\"b\\c' || char(10) || 'd 1')");
  CHECK(has_line(metrics(), "kdocs_queued_app_up{app=\"a\\\"b\\\\c\\nd 1\"} 1"));
  user.exec("INSERT INTO counters(name, app, label, outcome, value) VALUES ('jobs_finished', "
            "'a' || char(0, 13, 127) || 'z', 'failed', '', 1)");
  CHECK(has_line(metrics(), "kdocs_queued_jobs_finished_total{app=\"a???z\",state=\"failed\"} 1"));
}

TEST_CASE_FIXTURE(Fixture, "the file for a collector is there whole, for all to read") {
  const std::filesystem::path out = dir.path() / "queue.prom";
  write_metrics_file(out, "a 1\n");
  write_metrics_file(out, "a 2\n");
  CHECK(text_in(out) == "a 2\n");
  CHECK(std::filesystem::status(out).permissions() == std::filesystem::perms(0644));
  CHECK_FALSE(std::filesystem::exists(out.string() + ".next"));
  CHECK_THROWS_WITH_AS(write_metrics_file(dir.path() / "none" / "x.prom", "a 1\n"),
                       doctest::Contains("cannot write"), std::runtime_error);
}

TEST_CASE_FIXTURE(Fixture, "a probe hears why nobody works on the queue") {
  Reader reader(file);
  CHECK(contains(probe(reader), "has not run"));
  daemon_runs();
  CHECK(probe(reader).empty());
}
