// How following a job ends: by the job, by a signal, by whoever reads stdout, by the queue itself.
#include "daemon/job_follower.h"

#include "store/database.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"
#include "tests/support/user.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <sstream>
#include <thread>

using namespace kdq;
using namespace kdq::test;

namespace {

struct Fixture {
  TempDir dir;
  std::filesystem::path file = dir / "queue.db";
  std::optional<Database> daemon{std::in_place, file}; ///< makes the file, and keeps it open
  User user{file};
  JobClient client{file};
  std::ostringstream out;
  std::ostringstream err;
  std::optional<int> pipe;

  JobId enqueue() { return client.enqueue({"f", "1", {}, {}, {}, {}}); }
  void sql(const std::string& statement) { user.exec(statement); }
  /// `begun` is called once signals are taken, and the rest cannot be missed.
  int follow(JobId job, bool cancel = false, const std::function<void()>& begun = {}) {
    JobFollower follower(file, client, pipe);
    FollowReport report(job, 0, file, {}, out, err);
    if (begun)
      begun();
    return follower.follow(job, {}, cancel, report);
  }
  std::string state() { return user.text("SELECT state FROM jobs WHERE id = 1"); }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a job that has ended is told at once, all of its log") {
  const JobId job = enqueue();
  sql("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO logs "
      "SELECT 1, 1, i, 'info', '', 0, '', '[]', i, '' FROM n");
  sql("UPDATE jobs SET state = 'cancelled'");
  CHECK(follow(job) == 1);
  std::string wanted;
  for (int i = 1; i <= 3000; ++i)
    wanted += std::to_string(i) + "\n";
  CHECK(out.str() == wanted);
}

TEST_CASE_FIXTURE(Fixture, "what another process commits is seen") {
  const JobId job = enqueue();
  std::thread other([&] {
    User late(file);
    late.exec("INSERT INTO logs VALUES (1, 1, 1, 'info', '', 0, '', '[]', 'a', '')");
    late.exec("UPDATE jobs SET state = 'cancelled'");
  });
  CHECK(follow(job) == 1);
  other.join();
  CHECK(out.str() == "a\n");
}

TEST_CASE_FIXTURE(Fixture, "a signal ends it and not the job, or the job, too") {
  const JobId job = enqueue();
  CHECK(follow(job, false, [] { ::raise(SIGINT); }) == 130);
  CHECK(contains(err.str(), "SIGINT: job 1 goes on; to follow it: kdocs-queued follow --database " +
                                file.string() + " 1"));
  CHECK(follow(job, false, [] { ::raise(SIGTERM); }) == 143);
  CHECK(follow(job, false, [] { ::raise(SIGHUP); }) == 129);
  CHECK(state() == "queued");
  CHECK(follow(job, true, [] { ::raise(SIGTERM); }) == 143);
  CHECK(contains(err.str(), "job 1 is cancelled"));
  CHECK(state() == "cancelled");
}

TEST_CASE_FIXTURE(Fixture, "a job that cannot be cancelled goes on, and it is said") {
  const JobId job = enqueue();
  sql("CREATE TRIGGER keep BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'it stays'); END");
  CHECK(follow(job, true, [] { ::raise(SIGINT); }) == 130);
  CHECK(contains(err.str(), "job 1 cannot be cancelled (it stays), it goes on"));
  CHECK(state() == "queued");
}

TEST_CASE_FIXTURE(Fixture, "a signal that was ignored before is ignored") {
  const JobId job = enqueue();
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction old {};
  REQUIRE(::sigaction(SIGHUP, &ignore, &old) == 0);
  const int code = follow(job, false, [&] {
    ::raise(SIGHUP);
    sql("UPDATE jobs SET state = 'cancelled'");
  });
  ::sigaction(SIGHUP, &old, nullptr);
  CHECK(code == 1);
}

TEST_CASE_FIXTURE(Fixture, "it ends with whoever reads stdout, although nothing is to be written") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  pipe = ends[1];
  ::close(ends[0]);
  CHECK(follow(enqueue()) == 141);
  ::close(ends[1]);
  CHECK_FALSE(contains(err.str(), "cannot"));
}

TEST_CASE_FIXTURE(Fixture, "a stdout that cannot be written ends it, with a word about it") {
  const JobId job = enqueue();
  sql("INSERT INTO logs VALUES (1, 1, 1, 'info', '', 0, '', '[]', 'a', '')");
  out.setstate(std::ios::badbit);
  errno = ENOSPC;
  CHECK(follow(job, false, [] { errno = ENOSPC; }) == 3);
  CHECK(contains(err.str(), "stdout cannot be written: "));
}

TEST_CASE_FIXTURE(Fixture, "a queue that is not usable any more ends it") {
  const JobId job = enqueue();
  SUBCASE("replaced") {
    CHECK(follow(job, false, [&] { std::filesystem::rename(file, dir / "aside.db"); }) == 3);
    CHECK(contains(err.str(), "job 1 cannot be followed any more: the database " + file.string() +
                                  " was replaced"));
  }
  SUBCASE("incomplete") {
    sql("DROP TABLE logs");
    CHECK(follow(job) == 3);
    CHECK(contains(err.str(), "lacks the table logs"));
  }
}

TEST_CASE_FIXTURE(Fixture, "a watch that is refused is told once, and the job followed") {
  const JobId job = enqueue();
  sql("DELETE FROM watches");
  sql("CREATE TRIGGER no_watches BEFORE INSERT ON watches "
      "BEGIN SELECT RAISE(ABORT, 'nobody watches here'); END");
  sql("UPDATE jobs SET state = 'submitting'");
  CHECK(follow(job, false, [] { ::raise(SIGINT); }) == 130);
  CHECK(contains(err.str(), "the log may come later, because the job cannot be watched: nobody "
                            "watches here"));
  sql("DROP TRIGGER no_watches");
  CHECK(follow(job, false, [] { ::raise(SIGINT); }) == 130);
  CHECK(user.number("SELECT job_id FROM watches") == 1);
}
