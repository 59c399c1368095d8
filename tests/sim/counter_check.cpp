#include "tests/sim/counter_check.h"

#include <SQLiteCpp/Statement.h>

#include <string>

namespace kdq::sim {
namespace {

/// What is counted otherwise than it happened. Only of ends it is recorded in which app they were.
constexpr const char* wrong_counts =
    "SELECT name || ' ' || app || ' ' || label || ': ' || sum(n) || ' too many' FROM ("
    "SELECT name, iif(name = 'jobs_finished', app, '') AS app, label, value AS n FROM counters "
    "WHERE name IN ('jobs_finished', 'requests', 'log_gaps') UNION ALL "
    "SELECT name, app, label, -n FROM sim_counts WHERE name <> 'job_run_seconds') "
    "GROUP BY name, app, label HAVING sum(n) <> 0";

/// Scripts that failed have run, too, and not every log tells when it was closed.
constexpr const char* wrong_histograms =
    "SELECT ran || ' runs, ' || seen || ' of them with an end, ' || succeeded || ' successes' FROM "
    "("
    "SELECT coalesce(sum(value) FILTER (WHERE name = 'job_run_seconds'), 0) AS ran, "
    "coalesce(sum(value) FILTER (WHERE name = 'end_seen_delay_seconds'), 0) AS seen, "
    "(SELECT count(*) FROM sim_counts WHERE name = 'job_run_seconds') AS succeeded FROM counters) "
    "WHERE ran < succeeded OR seen > ran";

} // namespace

void check_counters(const World& world, SQLite::Database& database, Findings& findings) {
  if (world.plan().new_database)
    return; // the record does not begin with the jobs
  for (const char* sql : {wrong_counts, wrong_histograms}) {
    SQLite::Statement query(database, sql);
    while (query.executeStep())
      findings.violations.push_back("counters: " + query.getColumn(0).getString());
  }
}

} // namespace kdq::sim
