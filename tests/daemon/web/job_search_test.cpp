#include "daemon/web/job_search.h"

#include "tests/store/sql_fixture.h"
#include "tests/support/fake_clock.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace kdq;
using namespace kdq::web;

namespace {

constexpr int jobs = 3000;

/// Jobs of every state, cause, batch and schedule, mixed.
struct ManyJobs : test::SqlFixture {
  ManyJobs() {
    user.exec(
        "INSERT INTO batches(name, open) VALUES ('a', 1), ('b', 1);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
        "INSERT INTO jobs(id, file_token, script, app, batch_id, schedule, scheduled_at) SELECT "
        "  i * 3, 'f' || (i % 7), 'x', iif(i % 900 = 5, 'rare', 'default'), nullif(i % 3, 0), "
        "  iif(i % 5 = 0, 's', NULL), iif(i % 10 = 0, strftime('%Y-%m-%d %H:%M:%f', 9000 - i, "
        "  'unixepoch'), NULL) FROM n");
    // In the order of these ids are neither the files nor the causes.
    user.exec(
        "UPDATE jobs SET state = 'submitting' WHERE id % 33 = 0 OR id % 51 = 0 OR id % 60 = 0;"
        "UPDATE jobs SET state = 'failed', cause = iif(id % 4 = 0, 'lost', 'script') WHERE id % 33 "
        "= 0;"
        "UPDATE jobs SET state = 'timed_out', cause = 'timeout' WHERE id % 51 = 0 AND state = "
        "'submitting';"
        "UPDATE jobs SET state = 'running' WHERE id % 120 = 0 AND state = 'submitting';"
        "UPDATE jobs SET state = 'succeeded' WHERE id % 360 = 0 AND state = 'running';"
        "UPDATE jobs SET state = 'unconfirmed' WHERE id % 90 = 0 AND state = 'submitting';"
        "UPDATE jobs SET state = 'cancelled' WHERE id % 69 = 0 AND state = 'queued'");
  }
  Reader reader{file};
};

std::vector<std::string> all_of(Reader& reader, JobSearch search, std::int64_t at_once) {
  std::vector<std::string> ids;
  for (int reads = 0; !search.is_at_end(); ++reads) {
    REQUIRE(reads < jobs);
    const std::vector<Row> found = search.next(reader, "id", at_once);
    CHECK(found.size() <= static_cast<std::size_t>(at_once));
    for (const Row& row : found)
      ids.push_back(row.text("id"));
  }
  return ids;
}

JobFilter filter_of(std::map<std::string, std::string> query) {
  Visit visit;
  visit.query = std::move(query);
  return JobFilter::of(visit);
}

} // namespace

TEST_CASE_FIXTURE(ManyJobs, "a search finds what SQL finds, in both directions and from any id") {
  const std::vector<std::map<std::string, std::string>> filters{
      {},
      {{"app", "rare"}},
      {{"state", "open"}},
      {{"state", "queued"}},
      {{"state", "submitting"}},
      {{"state", "running"}},
      {{"state", "unconfirmed"}},
      {{"state", "succeeded"}},
      {{"state", "failed"}},
      {{"state", "timed_out"}},
      {{"state", "cancelled"}},
      {{"cause", "lost"}},
      {{"cause", "lost"}, {"state", "open"}},
      {{"cause", "lost"}, {"state", "queued"}},
      {{"cause", "lost"}, {"state", "failed"}, {"batch", "1"}},
      {{"cause", "no such"}},
      {{"cause", "lost"}, {"ended_since", "2026-01-01"}},
      {{"state", "cancelled"}, {"ended_since", "2925-01-01"}},
      {{"batch", "1"}},
      {{"batch", "2"}, {"state", "failed"}},
      {{"batch", "2"}, {"app", "rare"}},
      {{"batch", "9"}},
      {{"schedule", "s"}},
      {{"schedule", "s"}, {"state", "open"}, {"batch", "1"}},
      {{"schedule", "no such"}},
  };
  for (const auto& query : filters) {
    const JobFilter filter = filter_of(query);
    const std::string condition = filter.literal_condition();
    CAPTURE(condition);
    const auto ids = [&](const std::string& rest) {
      return user.column("SELECT id FROM jobs WHERE " + condition + rest);
    };
    using Direction = JobSearch::Direction;
    CHECK(all_of(reader, {filter, Direction::older}, 37) == ids(" ORDER BY id DESC"));
    CHECK(all_of(reader, {filter, Direction::newer}, 1000) == ids(" ORDER BY id"));
    CHECK(all_of(reader, {filter, Direction::older, 3003}, 500) ==
          ids(" AND id < 3003 ORDER BY id DESC"));
    CHECK(all_of(reader, {filter, Direction::newer, 3003}, 500) ==
          ids(" AND id > 3003 ORDER BY id"));
    JobSearch search(filter, Direction::older, 300);
    search.next(reader, "id", 1);
    if (search.count())
      CHECK(*search.count() == user.number("SELECT count(*) FROM jobs WHERE " + condition));
  }
}

TEST_CASE_FIXTURE(ManyJobs, "an index tells how many there are, where it holds the whole filter") {
  const auto is_counted = [&](std::map<std::string, std::string> query) {
    JobSearch search(filter_of(std::move(query)), JobSearch::Direction::older);
    search.next(reader, "id", 1);
    return search.count().has_value();
  };
  CHECK(is_counted({}));
  CHECK(is_counted({{"batch", "1"}}));
  CHECK(is_counted({{"state", "failed"}, {"cause", "lost"}}));
  CHECK(is_counted({{"state", "open"}}));
  CHECK(is_counted({{"schedule", "s"}}));
  CHECK_FALSE(is_counted({{"app", "rare"}}));
  CHECK_FALSE(is_counted({{"state", "running"}}));
  CHECK_FALSE(is_counted({{"batch", "1"}, {"app", "rare"}}));
}

TEST_CASE_FIXTURE(ManyJobs, "a search ends when its time is used up, and says up to where it is") {
  test::FakeClock clock;
  clock.each_look = std::chrono::hours(1);
  const JobFilter filter = filter_of({{"app", "rare"}});
  std::vector<std::string> found;
  std::optional<std::int64_t> place;
  int requests = 0;
  for (bool at_end = false; !at_end; ++requests) {
    REQUIRE(requests < jobs);
    JobSearch one(filter, JobSearch::Direction::older, place);
    for (const Row& row : search(one, reader, "id", 50, clock))
      found.push_back(row.text("id"));
    CHECK((!place || one.place() <= *place));
    place = one.place();
    at_end = one.is_at_end();
  }
  CHECK(requests > 2);
  CHECK(found == user.column("SELECT id FROM jobs WHERE app = 'rare' ORDER BY id DESC"));

  clock.each_look = {};
  JobSearch all(filter, JobSearch::Direction::older);
  CHECK(search(all, reader, "id", 50, clock).size() == found.size());
  CHECK(all.is_at_end());
}
