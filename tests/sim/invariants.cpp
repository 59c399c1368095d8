#include "tests/sim/invariants.h"

#include "tests/sim/counter_check.h"
#include "tests/sim/log_check.h"
#include "tests/sim/schedule_check.h"
#include "tests/support/wrong_counters.h"

#include <SQLiteCpp/Statement.h>
#include <nlohmann/json.hpp>

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
  Findings& findings;

  void complain(std::string sentence) { findings.violations.push_back(std::move(sentence)); }

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
    nothing("a plain report is kept, or a start is not",
            "SELECT id FROM requests WHERE endpoint = 'status' AND outcome = 'report' AND body IS "
            "NULL");
  }

  void check_states() {
    nothing("the state machine was violated by job",
            "SELECT job_id || ': ' || old || ' to ' || new FROM sim_audit WHERE old || ' ' || new "
            "NOT IN ('queued submitting', 'queued cancelled', 'queued timed_out', "
            "'submitting running', 'submitting queued', 'submitting unconfirmed', "
            "'submitting failed', 'submitting timed_out', 'submitting cancelled', "
            "'queued unconfirmed', 'running unconfirmed', " // in a restored file
            "'running succeeded', 'running failed', 'running timed_out', 'running cancelled', "
            "'unconfirmed queued', 'unconfirmed failed', 'unconfirmed cancelled', "
            "'failed queued', 'timed_out queued', 'cancelled queued')");
    // What waits for something that has not happened waits for the user; whether that one is stuck,
    // its own row tells.
    nothing("stuck",
            "SELECT id || ' ' || state || ' ' || coalesce(error, '') FROM jobs j "
            "WHERE state IN ('queued','submitting','running') AND NOT (state = 'queued' "
            "AND EXISTS (SELECT 1 FROM conditions c WHERE c.job_id = j.id AND c.stuck IN (0, 1)))");
    nothing("needs differs from what is needed",
            "SELECT * FROM (SELECT job_id || ' ' || kind || ' ' || needs || ' ' || when_needed || "
            "' ' || stuck "
            "FROM needs EXCEPT SELECT job_id || ' ' || kind || ' ' || needs || ' ' || when_needed "
            "|| ' ' || stuck "
            "FROM conditions WHERE job_id IN (SELECT job_id FROM queue) AND stuck IS NOT NULL)");
    nothing("a need is not in needs",
            "SELECT c.job_id || ' ' || kind || ' ' || needs FROM conditions c JOIN queue q ON "
            "q.job_id = c.job_id "
            "WHERE stuck IS NOT NULL AND NOT EXISTS (SELECT 1 FROM needs n WHERE n.job_id = "
            "c.job_id AND "
            "n.kind = c.kind AND n.needs = c.needs AND n.when_needed = c.when_needed)");
    nothing("nobody says why job waits",
            "SELECT q.job_id FROM queue q LEFT JOIN waiting w ON w.job_id = q.job_id "
            "WHERE coalesce(w.reason, '') = ''");
    nothing("no sentence says why job",
            "SELECT id || ' is ' || state FROM jobs WHERE state IN "
            "('unconfirmed','failed','timed_out') AND coalesce(error, '') = ''");
    nothing("an ended job without finished_at",
            "SELECT id || ' ' || state FROM jobs WHERE finished_at IS NULL AND state IN "
            "('succeeded','failed','timed_out','cancelled')");
    nothing("a request is open without a daemon",
            "SELECT job_id || ' ' || endpoint || ' ' || sent_at FROM in_flight");
    nothing("a gap that the job does not show",
            "SELECT id FROM jobs WHERE log_gaps = 0 AND EXISTS (SELECT 1 FROM logs l WHERE "
            "l.job_id = jobs.id AND l.attempt = jobs.attempt AND l.level = 'gap') AND NOT EXISTS "
            "(SELECT 1 FROM sim_audit a WHERE a.job_id = jobs.id AND a.attempt = jobs.attempt AND "
            "a.new = 'queued')"); // set to queued again, a job has nothing to show of its last run
  }

  /// What somebody wants to be told has its row, and nothing else has one.
  void check_notices() {
    if (world.plan().settings.notify.empty())
      return;
    nothing("nobody is told of job",
            "SELECT id || ' is ' || state FROM jobs j WHERE state IN ('failed', 'timed_out', "
            "'unconfirmed') AND coalesce(error, '') NOT GLOB 'held: *' AND NOT EXISTS "
            "(SELECT 1 FROM notifications n WHERE n.job_id = j.id AND n.event = j.state)");
    if (!world.plan().new_database) // else the record does not begin with the jobs
      nothing("told more often than it happened: job",
              "SELECT job_id || ' ' || event FROM notifications n WHERE job_id NOT NULL "
              "GROUP BY job_id, event HAVING count(*) > (SELECT count(*) FROM sim_audit a "
              "WHERE a.job_id = n.job_id AND a.new = n.event)");
  }

  /// Nobody starts before what it needs has happened.
  void check_order() {
    if (world.plan().new_database)
      return; // the record does not begin with the jobs
    nothing(
        "a job started before what it needs",
        "SELECT j.id || ' before ' || c.kind || ' ' || c.needs FROM jobs j JOIN requests r ON "
        "r.job_id = j.id AND r.endpoint = 'submit' JOIN sim_audit s ON s.job_id = j.id AND "
        "s.attempt = r.attempt AND s.new = 'submitting' JOIN conditions c ON c.job_id = j.id "
        "WHERE (j.supersede = 0 OR c.needs IS j.depends_on) AND NOT EXISTS "
        "(SELECT 1 FROM sim_audit a WHERE a.job_id = iif(c.kind = 'job', c.needs, -c.needs) AND "
        "a.n < s.n AND CASE WHEN c.when_needed = 'ended' OR (c.when_needed = 'succeeded' AND "
        "j.on_dependency_failed = 'run') THEN a.new IN ('succeeded', 'failed', 'timed_out', "
        "'cancelled') WHEN c.when_needed = 'succeeded' THEN a.new = 'succeeded' "
        "ELSE a.new IN ('failed', 'timed_out', 'cancelled') END)");
    for (const test::FakeTask& task : world.kdocs().tasks())
      check_inputs(task);
  }

  /// What the service got as argv is what is kept.
  void check_inputs(const test::FakeTask& task) {
    if (!task.argv.contains("in") || world.wire().by_service_id(task.started_by).undone)
      return;
    SQLite::Statement query(database, "SELECT s.argv FROM sent_inputs s JOIN jobs j ON j.id = "
                                      "s.job_id WHERE j.script_name = ?");
    query.bind(1, task.name);
    bool any = false;
    while (query.executeStep()) {
      any = true;
      if (nlohmann::json::parse(query.getColumn(0).getString()) == task.argv)
        return;
    }
    if (any)
      complain("the script of " + task.name + " got other inputs than are kept");
  }

  /// What users were told is done stays done; what nobody inserted is not there.
  void check_jobs() {
    std::map<std::int64_t, std::string> rows;
    SQLite::Statement query(database, "SELECT id, script_name FROM jobs WHERE schedule IS NULL");
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
      runs[task.name] += !world.wire().by_service_id(task.started_by).undone;
    for (const auto& [id, job] : world.users().jobs()) {
      auto allowed = static_cast<std::size_t>(job.plan.max_attempts + job.reruns);
      if (job.plan.on_unconfirmed == "retry" && !job.deleted)
        allowed += own_retries(id);
      else if (job.plan.on_unconfirmed == "retry")
        continue; // the rows that tell are gone
      if (runs[job.plan.name] <= allowed)
        continue;
      ++findings.run_twice;
      complain("the script of job " + std::to_string(id) + " ran " +
               std::to_string(runs[job.plan.name]) + " times, allowed: " + std::to_string(allowed));
    }
  }

  /// A reply that had consequences was on disk, so that no death can have taken it away.
  void check_replies() {
    for (const IntentKey& lost : requests_with("lost"))
      if (was_sent_once(lost) && world.wire().said_stored(lost))
        complain("the reply to the " + lost.endpoint + " request of job " +
                 std::to_string(lost.job) + " sent at " + lost.sent_at + " was stored and is lost");
  }

  std::set<IntentKey> requests_with(const std::string& outcome) {
    SQLite::Statement query(
        database, "SELECT job_id, attempt, endpoint, sent_at FROM requests WHERE outcome = ?");
    query.bind(1, outcome);
    std::set<IntentKey> found;
    while (query.executeStep())
      found.insert({query.getColumn(0).getInt64(), query.getColumn(1).getInt64(),
                    query.getColumn(2).getString(), query.getColumn(3).getString()});
    return found;
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
        const std::int64_t forgotten =
            world.restores().forgotten(name, std::string(to_text(endpoint)));
        if (const std::int64_t most = world.kdocs().most_counted_in_a_day(endpoint, app.base_url);
            !world.seen().stepped && most > allowed + forgotten)
          complain(which + ": the service counts " + std::to_string(most) +
                   " requests on a day, allowed are " + std::to_string(allowed));
        // A restored file has of the days before today what was spent until its backup.
        if (world.restores().count() == 0 && received > used)
          complain(which + ": the service received " + std::to_string(received) +
                   " requests, counted were " + std::to_string(used));
        if (query.getColumn(1).getInt64() > allowed)
          complain(which + ": more than the quota was spent in a day");
        counted += used;
      }
    const auto connected =
        static_cast<std::int64_t>(world.wire().sent().size() - world.seen().not_sent);
    if (!world.seen().left_in_flight && world.restores().count() == 0 &&
        (counted < connected || counted > connected + sent_before_a_roll()))
      complain("sent were " + std::to_string(connected) + " requests, counted " +
               std::to_string(counted));
  }

  /// Each unit that was spent belongs to a request of that day; the service refused none.
  void check_ledger() {
    if (world.restores().count() == 0 && !any_deleted() && all_intents_known() &&
        all_intents_differ())
      compare_days(requests_by_day());
    if (world.restores().count() == 0 && !any_deleted() && all_intents_known() &&
        all_intents_differ())
      nothing("the starts of a class are not counted as they were sent",
              "SELECT app || ' ' || class || ' ' || day || ': ' || sum(n) FROM ("
              "SELECT j.app, j.class, date(r.sent_at, '+8 hours') AS day, 1 AS n FROM requests r "
              "JOIN jobs j ON j.id = r.job_id WHERE r.endpoint = 'submit' AND r.outcome <> "
              "'not_sent' AND j.class NOT NULL UNION ALL "
              "SELECT app, class, day, -starts FROM class_starts) "
              "GROUP BY app, class, day HAVING sum(n) <> 0");
    if (!world.seen().stepped && world.kdocs().refused_by_quota() > 0)
      complain("KDocs refused " + std::to_string(world.kdocs().refused_by_quota()) +
               " requests beyond the quota");
  }

  /// What was sent so short before a quota day's end may count on the next one, too: the service
  /// may act so late.
  static constexpr const char* day_and_last_day =
      "SELECT date(?1, '+8 hours'), date(?1, '+8 hours', '+2 minutes')";

  std::int64_t sent_before_a_roll() {
    std::int64_t requests = 0;
    SQLite::Statement days(database, day_and_last_day);
    for (const Wire::Sent& sent : world.wire().sent()) {
      if (!sent.intent) {
        ++requests; // nobody knows when
        continue;
      }
      days.reset();
      days.bind(1, sent.intent->sent_at);
      days.executeStep();
      requests += days.getColumn(0).getString() != days.getColumn(1).getString();
    }
    return requests;
  }

  bool all_intents_known() const {
    const auto& sent = world.wire().sent();
    return std::all_of(sent.begin(), sent.end(), [](const auto& each) { return each.intent; });
  }

  /// After the clock was set back a job may be asked at the same moment for a second time.
  bool was_sent_once(const IntentKey& key) const {
    const auto& sent = world.wire().sent();
    return std::count_if(sent.begin(), sent.end(),
                         [&](const Wire::Sent& each) { return each.intent == key; }) <= 1;
  }
  bool all_intents_differ() const {
    std::set<IntentKey> keys;
    for (const Wire::Sent& sent : world.wire().sent())
      if (!keys.insert(*sent.intent).second)
        return false;
    return true;
  }

  /// Of an app, an endpoint and a day.
  struct Requests {
    std::int64_t sent = 0;
    std::int64_t late = 0; ///< sent just before it
  };

  /// What is to be counted: all that was sent and all that may have been, but for what found no
  /// connection.
  std::map<std::string, Requests> requests_by_day() {
    std::set<IntentKey> counted = requests_with("lost");
    for (const Wire::Sent& sent : world.wire().sent())
      counted.insert(*sent.intent);
    for (const IntentKey& unsent : requests_with("not_sent"))
      counted.erase(unsent);
    std::map<std::string, Requests> days;
    SQLite::Statement app(database, "SELECT app || ' ' || ? || ' on ' FROM jobs WHERE id = ?");
    SQLite::Statement dates(database, day_and_last_day);
    for (const IntentKey& key : counted) {
      app.reset();
      app.bind(1, key.endpoint);
      app.bind(2, key.job);
      dates.reset();
      dates.bind(1, key.sent_at);
      if (!app.executeStep() || !dates.executeStep())
        continue;
      const std::string of = app.getColumn(0).getString();
      const std::string day = dates.getColumn(0).getString();
      const std::string last_day = dates.getColumn(1).getString();
      ++days[of + day].sent;
      if (last_day != day)
        ++days[of + last_day].late;
    }
    return days;
  }

  void compare_days(std::map<std::string, Requests> days) {
    SQLite::Statement query(database,
                            "SELECT app || ' ' || endpoint || ' on ' || day, used - others "
                            "FROM quota");
    while (query.executeStep()) {
      const std::string day = query.getColumn(0).getString();
      const Requests& requests = days[day];
      if (const std::int64_t used = query.getColumn(1).getInt64();
          used < requests.sent || used > requests.sent + requests.late)
        complain("the ledger counts " + std::to_string(used) + " of " + day + ", there were " +
                 std::to_string(requests.sent) + " and " + std::to_string(requests.late) +
                 " just before");
      days.erase(day);
    }
    for (const auto& [day, requests] : days)
      if (requests.sent > 0)
        complain("the ledger lacks " + std::to_string(requests.sent) + " of " + day);
  }

  bool any_deleted() const {
    const auto& jobs = world.users().jobs();
    return std::any_of(jobs.begin(), jobs.end(),
                       [](const auto& job) { return job.second.deleted; });
  }

  /// No reply of one script stands in the row or the log of another one.
  void check_owners() {
    nothing(
        "a line of another script",
        "SELECT j.script_name || ' has ' || l.filename || ' ' || l.args FROM logs l JOIN jobs j "
        "ON j.id = l.job_id WHERE l.filename LIKE '%.ks:%' AND l.filename NOT LIKE "
        "j.script_name || '.ks:%'");
    SQLite::Statement query(database,
                            "SELECT task_id, script_name FROM jobs WHERE task_id NOTNULL");
    while (query.executeStep()) {
      const auto task = std::find_if(
          world.kdocs().tasks().begin(), world.kdocs().tasks().end(),
          [&](const test::FakeTask& each) { return each.id == query.getColumn(0).getString(); });
      const std::string name = query.getColumn(1).getString();
      if (task == world.kdocs().tasks().end() || task->name != name)
        complain("the row of " + name + " has the task of another script");
      else if (world.wire().by_service_id(task->started_by).undone)
        complain("the row of " + name + " has a task that its backup did not know");
    }
  }

  void check_results() {
    for (const test::FakeTask& task : world.kdocs().tasks()) {
      SQLite::Statement query(database, "SELECT state, result FROM jobs WHERE state = 'succeeded' "
                                        "AND task_id = ?");
      query.bind(1, task.id);
      if (!query.executeStep())
        continue;
      if (!task.error.empty() || query.getColumn(1).getString() != task.result.dump())
        complain("job of task " + task.id + " succeeded with " + query.getColumn(1).getString() +
                 ", the service said " + task.result.dump() + " " + task.error);
    }
  }
};

} // namespace

Findings check(World& world) {
  Findings findings;
  findings.violations = world.seen().violations;
  for (const auto* violations : {&world.wire().violations(), &world.asked_waits().violations(),
                                 &world.neighbour().violations()})
    findings.violations.insert(findings.violations.end(), violations->begin(), violations->end());
  world.users().look([&](SQLite::Database& database) {
    Checker checker{world, database, findings};
    checker.check_database();
    checker.check_states();
    checker.check_notices();
    checker.check_order();
    checker.check_jobs();
    checker.check_runs();
    checker.check_replies();
    checker.check_quota();
    checker.check_ledger();
    checker.check_results();
    checker.check_owners();
    check_logs(world, database, findings);
    check_schedules(world, database, findings);
    check_counters(world, database, findings);
  });
  world.users().leave();
  return findings;
}

void check_runs(World& world, SQLite::Database& database, Findings& findings) {
  Checker{world, database, findings}.check_runs();
}

void print_rows(World& world) {
  world.users().look([](SQLite::Database& database) {
    for (const char* sql :
         {"SELECT 'job', id, state, attempt, app, file_token, script_name, priority, run_at, "
          "expires_at, unique_key, error FROM jobs",
          "SELECT 'queue', * FROM queue", "SELECT 'state', * FROM sim_audit",
          "SELECT 'request', id, job_id, attempt, endpoint, sent_at, answered_at, http_status, "
          "outcome FROM requests",
          "SELECT 'in flight', * FROM in_flight",
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
