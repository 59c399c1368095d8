// What is said about a followed job, where, and with which exit code it ends.
#include "daemon/follow_report.h"

#include "tests/support/fake_clock.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <sstream>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  FakeClock clock;
  std::ostringstream out;
  std::ostringstream err;
  FollowStyle style;
  std::optional<FollowReport> report;
  JobLook seen;
  std::int64_t next_seq = 1;

  Fixture() { seen.job.emplace(); }
  FollowedJob& job() { return *seen.job; }
  void line(const std::string& level, const std::string& message, int attempt = 1) {
    seen.lines.push_back({attempt, next_seq++, level, "n.ks:1:1", "10:00:00", message, "2026"});
  }
  /// Tells what was set up; what was said before is forgotten.
  std::optional<int> tell() {
    if (!report)
      report.emplace(JobId{5}, 0, "/q/queue.db", style, out, err);
    out.str("");
    err.str("");
    const auto code = report->tell(seen, clock.now());
    seen.lines.clear();
    return code;
  }
  std::optional<int> ends(JobState state) {
    job().state = state;
    return tell();
  }
  std::vector<nlohmann::json> objects() const {
    std::vector<nlohmann::json> all;
    std::istringstream lines(out.str());
    for (std::string text; std::getline(lines, text);)
      all.push_back(nlohmann::json::parse(text));
    return all;
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "each end has an exit code and a sentence") {
  job().error = "TypeError: x";
  job().waits_for = "no reply";
  const struct {
    JobState state;
    std::optional<int> code;
    std::string sentence;
  } rows[] = {
      {JobState::queued, std::nullopt, ""},
      {JobState::submitting, std::nullopt, ""},
      {JobState::running, std::nullopt, ""},
      {JobState::succeeded, 0, ""},
      {JobState::failed, 1, "kdocs-queued: job 5 has failed: TypeError: x\n"},
      {JobState::cancelled, 1, "kdocs-queued: job 5 was cancelled: TypeError: x\n"},
      {JobState::timed_out, 124, "kdocs-queued: job 5 has timed out: TypeError: x\n"},
  };
  for (const auto& row : rows) {
    CAPTURE(to_text(row.state));
    CHECK(ends(row.state) == row.code);
    CHECK(err.str() == row.sentence);
    CHECK(out.str().empty());
  }
  CHECK(ends(JobState::unconfirmed) == 3);
  CHECK(contains(err.str(), "job 5 is unconfirmed: no reply. Look at the spreadsheet"));
  CHECK(
      contains(err.str(), "sqlite3 /q/queue.db \"UPDATE jobs SET state = 'queued' WHERE id = 5\""));
  seen.job.reset();
  CHECK(tell() == 1);
  CHECK(err.str() == "kdocs-queued: job 5 was deleted\n");
}

TEST_CASE_FIXTURE(Fixture, "a job that never was there was not deleted") {
  seen.job.reset();
  CHECK(tell() == 1);
  CHECK(err.str() == "kdocs-queued: job 5 is not there\n");
}

TEST_CASE_FIXTURE(Fixture, "nothing ends as long as there are more lines") {
  job().state = JobState::succeeded;
  seen.has_more = true;
  line("info", "a");
  CHECK_FALSE(tell());
  CHECK(out.str() == "a\n");
  seen.has_more = false;
  line("info", "b");
  CHECK(tell() == 0);
  CHECK(out.str() == "b\n");
}

TEST_CASE_FIXTURE(Fixture, "lines go to stdout, troubles to stderr, in their order") {
  job().state = JobState::running;
  job().attempt = 1;
  line("info", "one\ntwo");
  line("gap", "lines may be missing");
  line("warn", "careful");
  line("error", "TypeError");
  line("log", "three");
  CHECK_FALSE(tell());
  CHECK(out.str() == "one\ntwo\nthree\n");
  CHECK(err.str() == "gap: lines may be missing\nwarn: careful\nerror: TypeError\n");
}

TEST_CASE_FIXTURE(Fixture, "with --result stdout is the result and nothing else") {
  style.result = true;
  job().state = JobState::running;
  line("info", "one");
  line("warn", "two");
  CHECK_FALSE(tell());
  CHECK(out.str().empty());
  CHECK(err.str() == "one\nwarn: two\n");
  job().result = " { \"a\" : [1.50,\n2], \"b\": \"\x7f\xC2\x9B\" } ";
  CHECK(ends(JobState::succeeded) == 0);
  CHECK(out.str() == R"({"a":[1.50,2],"b":"\u007f\u009b"})"
                     "\n");
  CHECK(ends(JobState::failed) == 1);
  CHECK(out.str().empty());
  job().result.reset();
  CHECK(ends(JobState::succeeded) == 0);
  CHECK(out.str().empty());
  CHECK(contains(err.str(), "its result is not known"));
  job().result = "no \"JSON\"\x1b"; // a user has written it
  CHECK(ends(JobState::succeeded) == 0);
  CHECK(out.str() == R"("no \"JSON\"\u001b")"
                     "\n");
}

TEST_CASE_FIXTURE(Fixture, "a terminal obeys nothing of what stands in a text") {
  job().state = JobState::running;
  line("in\x1b[31mfo", "\x1b[2Jred\xC2\x9B\xFF\a");
  line("warn", "\rforged");
  tell();
  CHECK(out.str() == "\\u001b[2Jred\\u009b\xEF\xBF\xBD\\u0007\n");
  CHECK(err.str() == "warn: \\u000dforged\n");
  job().error = "\x1b[2J\xFF";
  ends(JobState::failed);
  CHECK(err.str() == "kdocs-queued: job 5 has failed: \\u001b[2J\xEF\xBF\xBD\n");
}

TEST_CASE_FIXTURE(Fixture, "with --json all is an object a line, and harmless") {
  style.json = true;
  job().waits_for = "it is next in line";
  tell();
  REQUIRE(objects().size() == 1);
  CHECK(objects()[0] == nlohmann::json::parse(R"({"progress": {"job_id": 5, "state": "queued",
      "attempt": 0, "submitted_at": null, "waits_for": "it is next in line",
      "daemon_trouble": null}})"));
  tell();
  CHECK(out.str().empty()); // nothing has changed
  job().state = JobState::running;
  job().attempt = 1;
  job().waits_for = "";
  job().submitted_at = parse_time("2026-01-31 09:00:00");
  line("warn", "a\n\"b\"\x1b\x7f\xC2\x9B\xFF");
  line("info", "");
  tell();
  REQUIRE(objects().size() == 3);
  CHECK(objects()[0] == nlohmann::json::parse(R"({"log": {"job_id": 5, "attempt": 1, "seq": 1,
      "level": "warn", "filename": "n.ks:1:1", "timestamp": "10:00:00",
      "message": "a\n\"b\"\u001b\u007f\u009b\ufffd", "fetched_at": "2026"}})"));
  CHECK(objects()[1]["log"]["message"] == "");
  CHECK(objects()[2]["progress"]["submitted_at"] == "2026-01-31 09:00:00.000");
  for (const char c : out.str())
    CHECK((c == '\n' || (static_cast<unsigned char>(c) >= ' ' && c != '\x7f')));
  CHECK(err.str().empty());

  job().result = "{ \"big\": 12345678901234567890123, \"s\": \"\x7f\" }";
  job().log_gaps = 2;
  CHECK(ends(JobState::succeeded) == 0);
  REQUIRE(objects().size() == 1);
  CHECK(contains(out.str(), R"("result":{"big":12345678901234567890123,"s":"\u007f"})"));
  const nlohmann::json end = objects()[0]["end"];
  CHECK(end["state"] == "succeeded");
  CHECK(end["log_gaps"] == 2);
  CHECK(end["error"].is_null());
  CHECK(end["reason"].is_null());
  CHECK(end["exit_code"] == 0);
  job().result = "no JSON";
  job().error = "e";
  ends(JobState::failed);
  CHECK(objects()[0]["end"]["result"] == "no JSON");
  CHECK(objects()[0]["end"]["reason"] == "job 5 has failed: e");
  CHECK(objects()[0]["end"]["exit_code"] == 1);
}

TEST_CASE_FIXTURE(Fixture, "the end in JSON says why a job is not followed any more") {
  style.json = true;
  job().state = JobState::running;
  tell();
  out.str("");
  CHECK(report->leave("SIGINT: it goes on", 130) == 130);
  CHECK(objects()[0]["end"]["state"] == "running");
  CHECK(objects()[0]["end"]["reason"] == "SIGINT: it goes on");
  CHECK(objects()[0]["end"]["exit_code"] == 130);
}

TEST_CASE_FIXTURE(Fixture, "another attempt is told before its lines, and once") {
  job().state = JobState::running;
  job().attempt = 1;
  line("info", "a");
  tell();
  CHECK(err.str().empty());
  job().state = JobState::queued;
  job().waits_for = "attempt 2 of 3 starts at noon";
  tell();
  CHECK(err.str() == "kdocs-queued: job 5 is queued again: attempt 2 of 3 starts at noon\n");
  tell();
  CHECK(err.str().empty());
  job().state = JobState::running;
  job().attempt = 2;
  tell();
  CHECK(err.str() == "kdocs-queued: attempt 2 of job 5 begins\n");
  tell();
  CHECK(err.str().empty());
  // Two looks may lie so far apart that the third attempt has ended meanwhile.
  line("info", "b", 2);
  line("warn", "c", 3);
  job().attempt = 3;
  CHECK(ends(JobState::succeeded) == 0);
  CHECK(out.str() == "b\n");
  CHECK(err.str() == "kdocs-queued: attempt 3 of job 5 begins\nwarn: c\n");
}

TEST_CASE_FIXTURE(Fixture, "a start that cost no attempt is no attempt") {
  job().state = JobState::submitting;
  job().attempt = 1;
  tell();
  job().state = JobState::queued;
  job().attempt = 0;
  tell();
  job().state = JobState::running;
  job().attempt = 1;
  tell();
  CHECK(err.str().empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "that nobody works on it is told at once, and again when it comes again") {
  job().waits_for = job().daemon_trouble = "the daemon is stopped: start it";
  tell();
  CHECK(err.str() == "kdocs-queued: the daemon is stopped: start it\n");
  clock.advance(1h);
  tell();
  CHECK(err.str().empty());
  job().waits_for = job().daemon_trouble = "";
  job().state = JobState::running;
  tell();
  CHECK(err.str().empty());
  job().daemon_trouble = "the daemon is stopped: start it";
  tell();
  CHECK(contains(err.str(), "the daemon is stopped"));
}

TEST_CASE_FIXTURE(Fixture, "where there is no terminal, why it waits is told seldom") {
  job().waits_for = "its file is busy with job 1";
  tell();
  clock.advance(9s);
  tell();
  CHECK(err.str().empty());
  clock.advance(1s);
  tell();
  CHECK(err.str() == "kdocs-queued: job 5 waits: its file is busy with job 1\n");
  clock.advance(2min);
  tell();
  CHECK(err.str().empty()); // the same
  job().waits_for = "its file is busy with job 2";
  tell();
  CHECK(contains(err.str(), "busy with job 2"));
  job().waits_for = "its file is busy with job 3";
  clock.advance(59s);
  tell();
  CHECK(err.str().empty());
  clock.advance(1s);
  tell();
  CHECK(contains(err.str(), "busy with job 3"));
  CHECK(report->tick(clock.now()) == SteadyTime::max());
}

TEST_CASE_FIXTURE(Fixture, "on a terminal one line is written anew, and wiped before another") {
  style.columns = 30;
  job().waits_for = "job 4 of the same\nfile, 执行完毕, goes first";
  tell();
  CHECK(err.str().empty());
  CHECK(report->tick(clock.now()) == clock.steady() + 1s);
  CHECK(err.str() == "\rjob 5 waits: job 4 of the sa…\x1b[K");
  job().state = JobState::submitting;
  tell();
  report->tick(clock.now());
  CHECK(err.str() == "\rjob 5 is being started\x1b[K");
  job().state = JobState::running;
  job().submitted_at = clock.wall();
  line("info", "a");
  tell();
  CHECK(err.str() == "\r\x1b[K");
  CHECK(out.str() == "a\n");
  const struct {
    std::chrono::seconds after;
    std::string words;
  } rows[] = {{0s, "0 s"}, {59s, "59 s"}, {61s, "1 min 1 s"}, {2h + 5min, "2 h 5 min"}};
  for (const auto& row : rows) {
    FakeClock later(clock.wall() + row.after);
    err.str("");
    report->tick(later.now());
    CHECK(err.str() == "\rjob 5 runs for " + row.words + "\x1b[K");
  }
  err.str("");
  report->note("x");
  CHECK(err.str() == "\r\x1b[Kkdocs-queued: x\n");
  report->tick(clock.now());
  err.str("");
  report.reset();
  CHECK(err.str() == "\r\x1b[K");
}

TEST_CASE_FIXTURE(Fixture, "characters that take two columns are counted so") {
  style.columns = 20;
  job().waits_for = "执行完毕";
  tell();
  report->tick(clock.now());
  CHECK(err.str() == "\rjob 5 waits: 执行…\x1b[K");
}

TEST_CASE_FIXTURE(Fixture, "what stdout does not take is an error of its own") {
  job().state = JobState::running;
  line("info", "a");
  out.setstate(std::ios::badbit);
  CHECK_THROWS_AS(tell(), OutputGone);
  CHECK(OutputGone(EPIPE).is_broken_pipe);
  CHECK_FALSE(OutputGone(ENOSPC).is_broken_pipe);
}
