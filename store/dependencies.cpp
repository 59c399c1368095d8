#include "store/dependencies.h"

#include "store/database.h"
#include "store/statement.h"
#include "store/store_error.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace kdq {
namespace {

// Bound of one look, so that no transaction grows with the number of those who wait.
constexpr std::size_t most_jobs = 100;

} // namespace

struct Dependencies::Impl {
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;
  Statement ended{db, "SELECT kind, needs FROM ended_needs LIMIT 1"};
  Statement looked_at{db, "DELETE FROM ended_needs WHERE kind = ?1 AND needs = ?2"};
  Statement open{
      db,
      "SELECT job_id, when_needed FROM needs INDEXED BY needs_open WHERE kind = ?1 AND needs = ?2 "
      "AND stuck = 0 LIMIT ?3"};
  // -1: the condition is met, or there is none any more.
  Statement verdict{db, "SELECT coalesce((SELECT stuck FROM conditions WHERE job_id = ?1 AND "
                        "kind = ?2 AND needs = ?3 AND when_needed = ?4), -1)"};
  Statement met{db, "DELETE FROM needs WHERE kind = ?2 AND needs = ?3 AND job_id = ?1 AND "
                    "when_needed = ?4"};
  Statement stuck{db, "UPDATE needs SET stuck = ?5 WHERE kind = ?2 AND needs = ?3 AND job_id = ?1 "
                      "AND when_needed = ?4"};
  Statement release{db, "UPDATE queue SET lane = 'ready' WHERE job_id = ?1 AND lane = 'dependent' "
                        "AND NOT EXISTS (SELECT 1 FROM needs WHERE job_id = ?1)"};
  Statement hopeless{db,
                     "SELECT job_id, (SELECT CASE WHEN when_needed = 'failed' THEN 'not needed: ' "
                     "|| kind || ' ' || needs || ' has succeeded' ELSE what END "
                     "FROM need_reasons AS r WHERE r.job_id = n.job_id AND r.is_stuck LIMIT 1) "
                     "FROM (SELECT DISTINCT job_id FROM needs INDEXED BY needs_to_cancel "
                     "WHERE stuck = 2 LIMIT ?1) AS n"};
  Statement still_hopeless{db, "SELECT 1 FROM needs WHERE job_id = ?1 AND stuck = 2"};

  struct Open {
    JobId job;
    std::string when_needed;
  };
  std::optional<std::pair<std::string, std::int64_t>> next_ended();
  std::size_t settle_one(const std::string& kind, std::int64_t needs, std::size_t most);
};

Dependencies::Dependencies(Database& database)
    : impl_(std::make_unique<Impl>(database.connection())) {}
Dependencies::~Dependencies() = default;

bool Dependencies::is_due() {
  return impl_->ended.text().has_value();
}

void Dependencies::settle() {
  std::size_t left = most_jobs;
  for (auto ended = impl_->next_ended(); ended && left > 0; ended = impl_->next_ended())
    left -= std::min(left, 1 + impl_->settle_one(ended->first, ended->second, left));
}

std::optional<std::pair<std::string, std::int64_t>> Dependencies::Impl::next_ended() {
  std::optional<std::pair<std::string, std::int64_t>> found;
  ended.each([&](SQLite::Statement& row) {
    found.emplace(row.getColumn(0).getString(), row.getColumn(1).getInt64());
    return true;
  });
  return found;
}

/// Returns how many jobs it has looked at.
std::size_t Dependencies::Impl::settle_one(const std::string& kind, std::int64_t needs,
                                           std::size_t most) {
  std::vector<Open> waiting;
  open.each(
      [&](SQLite::Statement& row) {
        waiting.push_back({JobId{row.getColumn(0).getInt64()}, row.getColumn(1).getString()});
        return true;
      },
      kind, needs, static_cast<std::int64_t>(most));
  bool goes_on = false; // run again since it ended
  for (const auto& [job, when_needed] : waiting) {
    const std::int64_t said = verdict.integer(job, kind, needs, when_needed).value_or(-1);
    goes_on = goes_on || said == 0;
    if (said == 0)
      continue;
    const int changed = said < 0 ? met.run(job, kind, needs, when_needed)
                                 : stuck.run(job, kind, needs, when_needed, said);
    if (changed == 0)
      throw_ignored(db, "needs", "job " + std::to_string(job.value));
    if (said < 0)
      release.run(job);
  }
  if ((goes_on || waiting.size() < most) && looked_at.run(kind, needs) == 0)
    throw_ignored(db, "ended_needs", kind + " " + std::to_string(needs));
  return waiting.size();
}

std::vector<Dependencies::Hopeless> Dependencies::hopeless() {
  std::vector<Hopeless> found;
  impl_->hopeless.each(
      [&](SQLite::Statement& row) {
        found.push_back({JobId{row.getColumn(0).getInt64()}, row.getColumn(1).getString()});
        return true;
      },
      static_cast<std::int64_t>(most_jobs));
  return found;
}

bool Dependencies::still_hopeless(JobId job) {
  return impl_->still_hopeless.integer(job).has_value();
}

} // namespace kdq
