#include "daemon/web/job_filter.h"

#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace kdq;
using namespace kdq::web;

namespace {

Visit visit_of(std::map<std::string, std::string> query) {
  Visit visit;
  visit.path = "/jobs";
  visit.query = std::move(query);
  return visit;
}

std::vector<std::string> selected(Reader& reader, const std::string& condition,
                                  const std::vector<Value>& bound) {
  std::vector<std::string> ids;
  reader.read([&](Reader::Snapshot& snapshot) {
    for (const Row& row :
         snapshot.rows("SELECT id FROM jobs WHERE " + condition + " ORDER BY id", bound))
      ids.push_back(row.text("id"));
  });
  return ids;
}

struct Jobs : test::SqlFixture {
  Jobs() {
    user.exec(
        "INSERT INTO batches(name) VALUES ('b');"
        "INSERT INTO jobs(id, file_token, script, script_name, created_at) VALUES"
        "  (1, 'f1', 'x', 'it''s', '2026-01-01 00:00:00'),"
        "  (2, 'f2', 'x', 'two' || char(10) || 'lines', '2026-01-01 00:00:00.000');"
        "INSERT INTO jobs(id, file_token, script, app, batch_id, schedule, created_at) VALUES"
        "  (3, 'f1', 'x', 'other', 1, NULL, '2026-01-01 00:00:00.250'),"
        "  (4, 'f1', 'x', 'other', NULL, 'a' || char(8238) || 'b', '2026-01-02 00:00:00.000'),"
        "  (5, 'f1', 'x', 'other', NULL, CAST(x'61FF' AS TEXT), '2026-01-02 00:00:00.000');"
        "UPDATE jobs SET state = 'submitting' WHERE id = 1;"
        "UPDATE jobs SET state = 'failed', cause = 'lost', error = '50% of A_B\\C' WHERE id = 1;"
        "UPDATE jobs SET error = '501 of AxB' WHERE id = 2;"
        "UPDATE jobs SET state = 'cancelled' WHERE id = 3");
  }
  Reader reader{file};
};

} // namespace

TEST_CASE_FIXTURE(Jobs, "a condition and its literal form select the same jobs") {
  using Ids = std::vector<std::string>;
  const std::vector<std::pair<std::map<std::string, std::string>, Ids>> cases{
      {{}, {"1", "2", "3", "4", "5"}},
      {{{"state", "failed"}}, {"1"}},
      {{{"state", "open"}}, {"2", "4", "5"}},
      {{{"app", "other"}}, {"3", "4", "5"}},
      {{{"file", "f2"}}, {"2"}},
      {{{"script", "it's"}}, {"1"}},
      {{{"script", "' OR 1 OR '"}}, {}},
      {{{"script", "two\nlines"}}, {"2"}},
      {{{"error", "50%"}}, {"1"}},
      {{{"error", "a_b"}}, {"1"}},
      {{{"error", "\\c"}}, {"1"}},
      {{{"error", "OF a"}}, {"1", "2"}},
      {{{"cause", "lost"}}, {"1"}},
      {{{"cause", "user"}}, {"3"}},
      {{{"cause", "no such"}}, {}},
      {{{"schedule", "a\xE2\x80\xAE"
                     "b"}},
       {"4"}},
      {{{"schedule", "a\xFF"}}, {"5"}},
      {{{"schedule", std::string("a\0b", 3)}}, {}},
      {{{"batch", "1"}}, {"3"}},
      {{{"since", "2026-01-01T00:00"}}, {"1", "2", "3", "4", "5"}},
      {{{"since", "2026-01-01 00:00:00.100"}}, {"3", "4", "5"}},
      {{{"until", "2026-01-02"}}, {"1", "2", "3"}},
      {{{"until", "2026-01-01 00:00:00"}}, {}},
      {{{"ended_since", "2026-01-01"}}, {"1", "3"}},
      {{{"ended_since", "2925-01-01"}}, {}},
      {{{"app", "other"}, {"file", "f1"}, {"state", "queued"}, {"since", "2026-01-01"}},
       {"4", "5"}},
  };
  for (const auto& [query, expected] : cases) {
    const JobFilter filter = JobFilter::of(visit_of(query));
    CAPTURE(filter.literal_condition());
    CHECK(filter.is_empty() == query.empty());
    std::vector<Value> bound;
    const std::string condition = filter.condition(bound);
    CHECK(selected(reader, condition, bound) == expected);
    CHECK(selected(reader, filter.literal_condition(), {}) == expected);
    CHECK(user.column("SELECT id FROM jobs WHERE " + filter.literal_condition() + " ORDER BY id") ==
          expected);
  }
}

TEST_CASE("what cannot be understood is left out") {
  const JobFilter filter = JobFilter::of(visit_of({{"state", "no such"},
                                                   {"batch", "-1"},
                                                   {"since", "yesterday"},
                                                   {"until", "2026-02-30"},
                                                   {"unknown", "x"}}));
  CHECK(filter.is_empty());
  CHECK(filter.literal_condition() == "1");
}

TEST_CASE("its parameters make the same filter again") {
  const std::map<std::string, std::string> query{{"state", "open"},
                                                 {"app", "a"},
                                                 {"file", "f"},
                                                 {"script", "s"},
                                                 {"error", "e%"},
                                                 {"cause", "lost"},
                                                 {"schedule", "每天"},
                                                 {"batch", "7"},
                                                 {"since", "2026-01-01 00:00:00"},
                                                 {"until", "2026-01-01 00:00:00.250"},
                                                 {"ended_since", "2026-01-01 00:00:00"}};
  const auto parameters = JobFilter::of(visit_of(query)).parameters();
  CHECK(std::map<std::string, std::string>(parameters.begin(), parameters.end()) == query);
}

TEST_CASE("values are numbered behind those that are bound already") {
  std::vector<Value> bound{std::int64_t{5}};
  const JobFilter filter = JobFilter::of(visit_of({{"app", "a"}, {"file", "f"}}));
  CHECK(filter.condition(bound) == "app = ?2 AND file_token = ?3");
  CHECK(bound.size() == 3);
}

TEST_CASE("a literal shows each of its characters") {
  const auto literal = [](const std::string& name) {
    return JobFilter::of(visit_of({{"script", name}})).literal_condition();
  };
  CHECK(literal("it's 好") == "script_name = 'it''s 好'");
  CHECK(literal("a\xE2\x80\xAE") == "script_name = CAST(X'61E280AE' AS TEXT)");
}
