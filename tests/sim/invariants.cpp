#include "tests/sim/invariants.h"

#include "tests/sim/log_check.h"
#include "tests/support/wrong_counters.h"

#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

namespace kdq::sim {
namespace {

/// What looks at one database and one world.
struct Checker {
  World& world;
  SQLite::Database& database;
  ErrorClass& error_class;

  void complain(std::string sentence) { error_class.violations.push_back(std::move(sentence)); }

  /// A statement that must give no row; each row is a violation.
  void nothing(const std::string& what, const char* sql) {
    SQLite::Statement query(database, sql);
    while (query.executeStep())
      complain(what + ": " + query.getColumn(0).getString());
  }

  std::int64_t number(const char* sql) {
    SQLite::Statement query(database, sql);
    return query.executeStep() ? query.getColumn(0).getInt64() : 0;
  }

  void check_database() {
    SQLite::Statement query(database, "PRAGMA integrity_check");
    while (query.executeStep())
      if (query.getColumn(0).getString() != "ok")
        complain("integrity_check: " + query.getColumn(0).getString());
    if (number(test::wrong_counters) != 0)
      complain("job_counts differs from jobs");
    nothing("queue lacks queued job", "SELECT id FROM jobs WHERE state = 'queued' EXCEPT "
                                      "SELECT job_id FROM queue");
    nothing("queue has a job that is not queued",
            "SELECT job_id FROM queue EXCEPT SELECT id FROM jobs WHERE state = 'queued'");
    nothing("rows of a job that is gone",
            "SELECT job_id FROM logs WHERE job_id NOT IN (SELECT id FROM jobs) UNION "
            "SELECT job_id FROM requests WHERE job_id NOT IN (SELECT id FROM jobs)");
  }

  void check_states() {
    nothing("the state machine was violated by job",
            "SELECT job_id || ': ' || old || ' to ' || new FROM sim_audit WHERE old || ' ' || new "
            "NOT IN ('queued submitting', 'queued cancelled', "
            "'submitting running', 'submitting queued', 'submitting unconfirmed', "
            "'submitting failed', 'submitting timed_out', 'submitting cancelled', "
            "'running succeeded', 'running failed', 'running timed_out', 'running cancelled', "
            "'unconfirmed queued', 'unconfirmed failed', 'unconfirmed cancelled', "
            "'failed queued', 'timed_out queued', 'cancelled queued')");
    // What waits for a job that has not succeeded waits for the user; whether that one is stuck,
    // its own row tells.
    nothing("stuck", "SELECT id || ' ' || state || ' ' || coalesce(error, '') FROM jobs j "
                     "WHERE state IN ('queued','submitting','running') AND NOT (state = 'queued' "
                     "AND depends_on IS NOT NULL AND NOT EXISTS (SELECT 1 FROM jobs d "
                     "WHERE d.id = j.depends_on AND d.state = 'succeeded'))");
    nothing("no sentence says why job",
            "SELECT id || ' is ' || state FROM jobs WHERE state IN "
            "('unconfirmed','failed','timed_out') AND coalesce(error, '') = ''");
    nothing("an ended job without finished_at",
            "SELECT id || ' ' || state FROM jobs WHERE finished_at IS NULL AND state IN "
            "('succeeded','failed','timed_out','cancelled')");
    nothing("a request is open without a daemon", "SELECT id FROM requests WHERE outcome IS NULL");
    nothing("a gap that the job does not show",
            "SELECT id FROM jobs WHERE log_gaps = 0 AND EXISTS (SELECT 1 FROM logs l WHERE "
            "l.job_id = jobs.id AND l.attempt = jobs.attempt AND l.level = 'gap') AND NOT EXISTS "
            "(SELECT 1 FROM sim_audit a WHERE a.job_id = jobs.id AND a.attempt = jobs.attempt AND "
            "a.new = 'queued')"); // set to queued again, a job has nothing to show of its last run
  }

  /// Nobody starts before the job that must have succeeded first.
  void check_order() {
    if (world.plan().new_database)
      return; // the record does not begin with the jobs
    nothing(
        "a job started before the one that it depends on had succeeded",
        "SELECT j.id || ' before ' || j.depends_on FROM jobs j JOIN requests r ON r.job_id = j.id "
        "AND r.endpoint = 'submit' JOIN sim_audit s ON s.job_id = j.id AND s.attempt = "
        "r.attempt AND s.new = 'submitting' WHERE j.depends_on IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM sim_audit a WHERE a.job_id = j.depends_on AND a.new = 'succeeded' "
        "AND a.n < s.n)");
  }

  /// What users were told is done stays done; what nobody inserted is not there.
  void check_jobs() {
    std::map<std::int64_t, std::string> rows;
    SQLite::Statement query(database, "SELECT id, script_name FROM jobs");
    while (query.executeStep())
      rows[query.getColumn(0).getInt64()] = query.getColumn(1).getString();
    for (const auto& [id, job] : world.users().jobs()) {
      const auto row = rows.find(id);
      if (job.deleted != (row == rows.end()))
        complain("job " + std::to_string(id) + (job.deleted ? " came back" : " is gone"));
      else if (row != rows.end() && row->second != job.plan.name)
        complain("job " + std::to_string(id) + " is another one now");
    }
    for (const auto& [id, name] : rows)
      if (!world.users().jobs().contains(id))
        complain("nobody inserted job " + std::to_string(id));
  }

  /// How often the daemon itself sent a job whose start had got lost back to the queue.
  std::size_t own_retries(std::int64_t job) {
    SQLite::Statement query(
        database, "SELECT count(*) FROM requests WHERE job_id = ? AND endpoint = 'submit' "
                  "AND outcome IN ('lost', 'unanswered', 'unknown')");
    query.bind(1, job);
    query.executeStep();
    return static_cast<std::size_t>(query.getColumn(0).getInt64());
  }

  void check_runs() {
    std::map<std::string, std::size_t> runs;
    for (const test::FakeTask& task : world.kdocs().tasks())
      ++runs[task.name];
    for (const auto& [id, job] : world.users().jobs()) {
      auto allowed = static_cast<std::size_t>(job.plan.max_attempts + job.reruns);
      if (job.plan.on_unconfirmed == "retry" && !job.deleted)
        allowed += own_retries(id);
      else if (job.plan.on_unconfirmed == "retry")
        continue; // the rows that tell are gone
      if (runs[job.plan.name] <= allowed)
        continue;
      ++error_class.run_twice;
      complain("the script of job " + std::to_string(id) + " ran " +
               std::to_string(runs[job.plan.name]) + " times, allowed: " + std::to_string(allowed));
    }
  }

  /// A request that reached the service has its intent: with the right job, as far as it is known.
  void check_intents() {
    std::set<std::int64_t> rows;
    SQLite::Statement query(database, "SELECT id FROM requests");
    while (query.executeStep())
      rows.insert(query.getColumn(0).getInt64());
    std::set<std::int64_t> arrived;
    std::size_t missing = 0;
    for (const RequestId id : world.kdocs().arrivals()) {
      if (!arrived.insert(id.value).second)
        complain("two requests had the number " + std::to_string(id.value));
      missing += !rows.contains(id.value);
    }
    if (missing > 0 && !any_deleted())
      complain(std::to_string(missing) + " requests reached the service without an intent row");
  }

  /// A reply that had consequences was on disk, so that no death can have taken it away.
  void check_replies() {
    SQLite::Statement query(database, "SELECT id FROM requests WHERE outcome = 'lost'");
    while (query.executeStep())
      if (const RequestId id{query.getColumn(0).getInt64()}; world.wire().said_stored(id))
        complain("the reply to request " + std::to_string(id.value) + " was stored and is lost");
  }

  void check_quota() {
    std::int64_t counted = 0;
    for (const auto& [name, app] : world.plan().settings.apps)
      for (const Endpoint endpoint : {Endpoint::submit, Endpoint::status}) {
        SQLite::Statement query(database, "SELECT coalesce(sum(used - others), 0), "
                                          "coalesce(max(used), 0) "
                                          "FROM quota WHERE app = ? AND endpoint = ?");
        query.bind(1, name);
        query.bind(2, std::string(to_text(endpoint)));
        query.executeStep();
        const std::int64_t used = query.getColumn(0).getInt64();
        const auto received =
            static_cast<std::int64_t>(world.kdocs().received(endpoint, app.base_url));
        const std::int64_t allowed =
            endpoint == Endpoint::submit ? app.submit_quota : app.status_quota;
        const std::string which = name + " " + std::string(to_text(endpoint));
        if (received > used)
          complain(which + ": the service received " + std::to_string(received) +
                   " requests, counted were " + std::to_string(used));
        if (query.getColumn(1).getInt64() > allowed)
          complain(which + ": more than the quota was spent in a day");
        counted += used;
      }
    const auto connected = static_cast<std::int64_t>(world.wire().sent() - world.seen().not_sent);
    if (!world.seen().left_in_flight && counted != connected)
      complain("sent were " + std::to_string(connected) + " requests, counted " +
               std::to_string(counted));
  }

  /// Each unit that was spent belongs to a request of that day; the service refused none.
  void check_ledger() {
    if (!any_deleted())
      nothing(
          "what the ledger counts differs from the requests of",
          "WITH sent AS (SELECT j.app, r.endpoint, date(r.sent_at, '+8 hours') AS day, "
          "  count(*) AS requests FROM requests r JOIN jobs j ON j.id = r.job_id "
          "  WHERE r.outcome <> 'not_sent' GROUP BY 1, 2, 3) "
          "SELECT app || ' ' || endpoint || ' on ' || day || ': ' || (used - others) || ', ' || "
          "coalesce(requests, 0) FROM quota LEFT JOIN sent USING (app, endpoint, day) "
          "WHERE used - others <> coalesce(requests, 0)");
    if (!world.seen().stepped && world.kdocs().refused_by_quota() > 0)
      complain("KDocs refused " + std::to_string(world.kdocs().refused_by_quota()) +
               " requests beyond the quota");
  }

  bool any_deleted() const {
    const auto& jobs = world.users().jobs();
    return std::any_of(jobs.begin(), jobs.end(),
                       [](const auto& job) { return job.second.deleted; });
  }

  void check_results() {
    for (const test::FakeTask& task : world.kdocs().tasks()) {
      SQLite::Statement query(database,
                              "SELECT j.state, j.result FROM jobs j JOIN requests r ON "
                              "r.job_id = j.id AND r.attempt = j.attempt WHERE r.id = ? AND "
                              "j.state = 'succeeded' AND j.task_id = ?");
      query.bind(1, task.started_by.value);
      query.bind(2, task.id);
      if (!query.executeStep())
        continue;
      if (!task.error.empty() || query.getColumn(1).getString() != task.result.dump())
        complain("job of task " + task.id + " succeeded with " + query.getColumn(1).getString() +
                 ", the service said " + task.result.dump() + " " + task.error);
    }
  }
};

} // namespace

ErrorClass check(World& world) {
  ErrorClass error_class;
  error_class.violations = world.seen().violations;
  for (const std::string& violation : world.wire().violations())
    error_class.violations.push_back(violation);
  world.users().look([&](SQLite::Database& database) {
    Checker checker{world, database, error_class};
    checker.check_database();
    checker.check_states();
    checker.check_order();
    checker.check_jobs();
    checker.check_runs();
    checker.check_intents();
    checker.check_replies();
    checker.check_quota();
    checker.check_ledger();
    checker.check_results();
    check_logs(world, database, error_class);
  });
  world.users().leave();
  return error_class;
}

void print_rows(World& world) {
  world.users().look([](SQLite::Database& database) {
    for (const char* sql :
         {"SELECT 'job', id, state, attempt, app, file_token, script_name, priority, run_at, "
          "expires_at, unique_key, error FROM jobs",
          "SELECT 'queue', * FROM queue", "SELECT 'state', * FROM sim_audit",
          "SELECT 'request', id, job_id, attempt, endpoint, sent_at, answered_at, http_status, "
          "outcome FROM requests",
          "SELECT 'log', job_id, attempt, seq, level, args, fetched_at FROM logs",
          "SELECT 'quota', * FROM quota"}) {
      SQLite::Statement query(database, sql);
      while (query.executeStep()) {
        std::string row;
        for (int i = 0; i < query.getColumnCount(); ++i)
          row += (i == 0 ? "" : " | ") + query.getColumn(i).getString();
        std::fprintf(stderr, "%s\n", row.c_str());
      }
    }
  });
  world.users().leave();
}

} // namespace kdq::sim
