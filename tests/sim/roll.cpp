#include "tests/sim/roll.h"

#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <chrono>

namespace kdq::sim {
namespace {

using namespace std::chrono_literals;

// A script that ended so long before the roll has been seen to end, however dear a request is.
constexpr std::chrono::milliseconds seen_within = 2h;

std::int64_t number(SQLite::Database& database, const char* sql) {
  SQLite::Statement query(database, sql);
  return query.executeStep() ? query.getColumn(0).getInt64() : 0;
}

} // namespace

void Roll::look_before(SQLite::Database& database, const test::FakeKdocs& kdocs, WallTime rolls_on,
                       SteadyTime rolls_at) {
  rolls_at_ = rolls_at;
  SQLite::Statement told(database, "SELECT count(*) FROM waiting WHERE expected_at = ?");
  told.bind(1, to_text(rolls_on));
  if (told.executeStep() && told.getColumn(0).getInt64() == 0)
    violations_.push_back("just before the roll no job is told to wait for it");
  if (number(database, "SELECT count(*) FROM quota_today WHERE endpoint = 'status' AND left = 0 "
                       "AND EXISTS (SELECT 1 FROM jobs WHERE state = 'running')") > 0)
    violations_.push_back("at the roll tasks run for which no status request is left");
  SQLite::Statement running(database, "SELECT id, task_id FROM jobs WHERE state = 'running'");
  while (running.executeStep()) {
    const std::string id = running.getColumn(1).getString();
    const auto task = std::find_if(kdocs.tasks().begin(), kdocs.tasks().end(),
                                   [&](const test::FakeTask& each) { return each.id == id; });
    if (task != kdocs.tasks().end() && task->ends < rolls_on - seen_within)
      violations_.push_back("at the roll it was not seen that the script of job " +
                            running.getColumn(0).getString() + " had ended at " +
                            to_text(task->ends));
  }
}

void Roll::start_sent(SteadyTime now) {
  if (rolls_at_ && now >= *rolls_at_ && !first_start_)
    first_start_ = now;
}

void Roll::look_after(std::vector<std::string>& violations) {
  if (!first_start_)
    violations_.push_back("the second day's first start was not sent within a minute");
  violations.insert(violations.end(), violations_.begin(), violations_.end());
}

} // namespace kdq::sim
