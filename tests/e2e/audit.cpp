// kdocs-audit: holds what the sandboxes' ledgers say was done against what a database has kept.
//   kdocs-audit DATABASE LEDGER [REQUEUED [APP=LEDGER]...]
// LEDGER: of the app "default"; APP=LEDGER: of another app, whose service is a sandbox of its own.
// REQUEUED: a file with the id of a job for each time that a user set one to 'queued' again.
// Prints the counts and what is wrong; exit code 0: nothing is.
#include "store/base/time.h"
#include "tests/support/wrong_counters.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace kdq::audit {
namespace {

using nlohmann::json;

constexpr int exit_wrong = 1;
constexpr int exit_usage = 2;
constexpr int most_examples = 20;

/// A line as both sides know it: all that was received, so that two lines differ if anything does.
struct Line {
  std::string key;
  WallTime written;
  std::size_t reply = 0; ///< which of the task's replies had it
};

std::string key_of(const std::string& level, const std::string& filename,
                   const std::string& timestamp, const json& args) {
  return level + '|' + filename + '|' + timestamp + '|' + args.dump();
}

struct ServiceTask {
  std::string app;
  std::string script_name;
  std::size_t replies = 0;
  std::vector<Line> handed_out;
};

struct Ledger {
  std::map<std::string, ServiceTask> tasks;                             ///< by task id
  std::map<std::string, int> starts;                                    ///< by script name
  std::map<std::pair<std::string, std::string>, std::int64_t> received; ///< by app and endpoint
};

struct Attempt {
  std::int64_t job = 0;
  std::int64_t number = 0;
  auto operator<=>(const Attempt&) const = default;
};

struct Span {
  WallTime from;
  WallTime to;
};

struct Kept {
  std::vector<std::string> keys; ///< in order of seq
  std::vector<Span> gaps;
};

class Findings {
public:
  void wrong(const std::string& what) {
    if (++wrong_ <= most_examples)
      std::cout << "WRONG: " << what << '\n';
  }
  bool none() const { return wrong_ == 0; }

private:
  int wrong_ = 0;
};

struct Counts {
  std::size_t handed_out = 0, stored = 0, in_gaps = 0, duplicates = 0, invented = 0;
  std::size_t out_of_order = 0, lost = 0;
};

// --- the ledger ----------------------------------------------------------------------------

/// Whole seconds are in unix_time, their fraction in the last digits of the wall time.
Line line_of(const json& line, std::size_t reply) {
  const std::string timestamp = line.at("timestamp");
  const auto fraction = std::stoi(timestamp.substr(timestamp.size() - 3));
  return {key_of(line.at("level"), line.at("filename"), timestamp, line.at("args")),
          WallTime(std::chrono::seconds(line.at("unix_time").get<std::int64_t>())) +
              std::chrono::milliseconds(fraction),
          reply};
}

void read_ledger(const std::string& app, const std::string& path, Ledger& ledger) {
  std::ifstream file(path);
  for (std::string text; std::getline(file, text);) {
    const json entry = json::parse(text, nullptr, false);
    if (entry.is_discarded())
      continue; // the sandbox was killed while it wrote: what it tells of had not been sent yet
    const std::string event = entry.at("event");
    if (event == "received") {
      ++ledger.received[{app, entry.at("endpoint")}];
    } else if (event == "post") {
      ServiceTask& task = ledger.tasks[entry.at("task")];
      task.app = app;
      task.script_name = entry.at("script_name");
      ++ledger.starts[entry.at("script_name")];
    } else if (event == "handed_out") {
      auto& lines = ledger.tasks.at(entry.at("task")).handed_out;
      if (lines.size() != entry.at("from").get<std::size_t>())
        throw std::runtime_error("the ledger hands out lines twice or leaves some out");
      const std::size_t reply = ledger.tasks.at(entry.at("task")).replies++;
      for (const json& line : entry.at("lines"))
        lines.push_back(line_of(line, reply));
    }
  }
}

// --- the database --------------------------------------------------------------------------

struct Start {
  Attempt attempt;
  WallTime sent;
};

/// What the database knows of the tasks: a start's reply is kept without its task id.
struct Attempts {
  std::map<std::string, Attempt> of_task;              ///< the last ones of each job
  std::map<std::string, std::vector<Start>> of_script; ///< all, by script name, in order

  /// An earlier attempt of a job is known by its time: its script wrote the first line after it
  /// was sent, and before the next one was.
  std::optional<Attempt> find(const std::string& id, const ServiceTask& task) const {
    if (const auto last = of_task.find(id); last != of_task.end())
      return last->second;
    const auto starts = of_script.find(task.script_name);
    if (starts == of_script.end())
      return std::nullopt;
    std::optional<Attempt> found;
    for (const Start& start : starts->second)
      if (start.sent <= task.handed_out.front().written)
        found = start.attempt;
    return found;
  }
};

Attempts read_attempts(SQLite::Database& database) {
  Attempts attempts;
  SQLite::Statement last(database, "SELECT task_id, id, attempt FROM jobs WHERE task_id NOTNULL");
  while (last.executeStep())
    attempts.of_task[last.getColumn(0)] = {last.getColumn(1).getInt64(),
                                           last.getColumn(2).getInt64()};
  SQLite::Statement row(database, "SELECT j.script_name, r.job_id, r.attempt, r.sent_at FROM "
                                  "requests r JOIN jobs j ON j.id = r.job_id "
                                  "WHERE r.endpoint = 'submit' ORDER BY r.sent_at");
  while (row.executeStep())
    attempts.of_script[row.getColumn(0)].push_back(
        {{row.getColumn(1).getInt64(), row.getColumn(2).getInt64()},
         parse_time(row.getColumn(3).getString()).value()});
  return attempts;
}

std::map<Attempt, Kept> read_logs(SQLite::Database& database) {
  std::map<Attempt, Kept> logs;
  SQLite::Statement row(database,
                        "SELECT job_id, attempt, level, coalesce(filename, ''), "
                        "coalesce(timestamp, ''), args FROM logs ORDER BY job_id, attempt, seq");
  while (row.executeStep()) {
    Kept& kept = logs[{row.getColumn(0).getInt64(), row.getColumn(1).getInt64()}];
    const std::string level = row.getColumn(2);
    const json args = json::parse(row.getColumn(5).getString());
    if (level != "gap") {
      kept.keys.push_back(key_of(level, row.getColumn(3), row.getColumn(4), args));
      continue;
    }
    const auto time = [&](std::size_t i) {
      return args.size() == 3 && args[i].is_string() ? parse_time(args[i].get<std::string>())
                                                     : std::nullopt;
    };
    if (const auto from = time(1), to = time(2); from && to)
      kept.gaps.push_back({*from, *to});
  }
  return logs;
}

// --- the comparison ------------------------------------------------------------------------

std::string name_of(const Attempt& attempt) {
  return "job " + std::to_string(attempt.job) + " attempt " + std::to_string(attempt.number);
}

/// Each line once, in order, or inside a gap; and a gap for each reply that was lost.
void compare(const std::vector<Line>& handed_out, const Kept& kept, const std::string& name,
             Counts& counts, Findings& findings) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < handed_out.size(); ++i)
    if (!index.emplace(handed_out[i].key, i).second)
      throw std::runtime_error("the scripts of this test must write no line twice: " +
                               handed_out[i].key);
  std::vector<bool> seen(handed_out.size());
  std::size_t next = 0;
  for (const std::string& key : kept.keys) {
    const auto found = index.find(key);
    if (found == index.end()) {
      ++counts.invented;
      findings.wrong(name + " has a line that was never handed out: " + key);
    } else if (seen[found->second]) {
      ++counts.duplicates;
      findings.wrong(name + " has a line twice: " + key);
    } else {
      if (found->second < next) {
        ++counts.out_of_order;
        findings.wrong(name + " has a line out of order: " + key);
      }
      seen[found->second] = true;
      next = found->second + 1;
      ++counts.stored;
    }
  }
  counts.handed_out += handed_out.size();
  std::set<std::size_t> lost_replies;
  for (std::size_t i = 0; i < handed_out.size(); ++i) {
    const WallTime written = handed_out[i].written;
    if (seen[i])
      continue;
    lost_replies.insert(handed_out[i].reply);
    if (std::any_of(kept.gaps.begin(), kept.gaps.end(),
                    [&](const Span& gap) { return gap.from <= written && written <= gap.to; })) {
      ++counts.in_gaps;
    } else {
      ++counts.lost;
      findings.wrong(name + " lost a line of " + to_text(written) + " UTC: " + handed_out[i].key);
    }
  }
  if (lost_replies.size() > kept.gaps.size())
    findings.wrong(name + " lost " + std::to_string(lost_replies.size()) + " replies and has " +
                   std::to_string(kept.gaps.size()) + " gaps");
}

Counts compare_lines(const Ledger& ledger, SQLite::Database& database, Findings& findings) {
  const auto attempts = read_attempts(database);
  auto logs = read_logs(database);
  Counts counts;
  for (const auto& [id, task] : ledger.tasks) {
    if (task.handed_out.empty())
      continue;
    if (const auto attempt = attempts.find(id, task)) {
      compare(task.handed_out, logs[*attempt], name_of(*attempt), counts, findings);
      logs.erase(*attempt);
    } else {
      counts.handed_out += task.handed_out.size();
      counts.lost += task.handed_out.size();
      findings.wrong(task.script_name + " was asked about, but its start is not in requests");
    }
  }
  for (const auto& [attempt, kept] : logs)
    if (!kept.keys.empty()) {
      counts.invented += kept.keys.size();
      findings.wrong(name_of(attempt) + " has lines, but the service never ran it");
    }
  return counts;
}

/// No script ran more often than its user asked for; the number of those that did.
std::size_t compare_starts(const Ledger& ledger, SQLite::Database& database,
                           const std::string& requeued_file, Findings& findings) {
  std::map<std::int64_t, int> requeued;
  if (!requeued_file.empty()) {
    std::ifstream file(requeued_file);
    for (std::int64_t job = 0; file >> job;)
      ++requeued[job];
  }
  std::size_t too_often = 0;
  SQLite::Statement row(database, "SELECT id, attempt, script_name FROM jobs");
  while (row.executeStep()) {
    const std::int64_t job = row.getColumn(0);
    const int allowed = 1 + requeued[job];
    const auto starts = ledger.starts.find(row.getColumn(2).getString());
    if (starts != ledger.starts.end() && starts->second > allowed) {
      ++too_often;
      findings.wrong("job " + std::to_string(job) + " was started " +
                     std::to_string(starts->second) +
                     " times, allowed: " + std::to_string(allowed));
    }
    if (row.getColumn(1).getInt() > allowed)
      findings.wrong("job " + std::to_string(job) + " is at attempt " +
                     row.getColumn(1).getString() + ", allowed: " + std::to_string(allowed));
  }
  return too_often;
}

std::int64_t number(SQLite::Database& database, const std::string& sql) {
  return database.execAndGet(sql).getInt64();
}

void check_rows(const Ledger& ledger, SQLite::Database& database, Findings& findings) {
  if (const std::string word = database.execAndGet("PRAGMA integrity_check"); word != "ok")
    findings.wrong("integrity_check: " + word);
  if (number(database, "SELECT count(*) FROM in_flight") != 0)
    findings.wrong("requests are open although the daemon has stopped");
  if (const auto silent =
          number(database, "SELECT count(*) FROM jobs WHERE log_gaps = 0 AND EXISTS "
                           "(SELECT 1 FROM logs l WHERE l.job_id = jobs.id AND "
                           "l.attempt = jobs.attempt AND level = 'gap')"))
    findings.wrong(std::to_string(silent) + " jobs do not say that their log has a gap");
  if (const auto mute = number(database, "SELECT count(*) FROM jobs WHERE error IS NULL AND "
                                         "state IN ('failed', 'timed_out', 'unconfirmed')"))
    findings.wrong(std::to_string(mute) + " jobs do not say why they failed");
  if (number(database, test::wrong_counters) != 0)
    findings.wrong("job_counts differs from jobs");
  for (const auto& [key, received] : ledger.received) {
    const auto& [app, endpoint] = key;
    if (number(database, "SELECT coalesce(sum(used - others), 0) FROM quota WHERE app = '" + app +
                             "' AND endpoint = '" + endpoint + "'") < received)
      findings.wrong("more " + endpoint + " requests of " + app + " arrived than the quota counts");
  }
}

/// No service got another app's script.
void check_apps(const Ledger& ledger, SQLite::Database& database, Findings& findings) {
  std::map<std::string, std::string> apps;
  SQLite::Statement row(database, "SELECT script_name, app FROM jobs WHERE script_name NOTNULL");
  while (row.executeStep())
    apps[row.getColumn(0)] = row.getColumn(1).getString();
  for (const auto& [id, task] : ledger.tasks)
    if (const auto job = apps.find(task.script_name); job != apps.end() && job->second != task.app)
      findings.wrong(task.script_name + " of " + job->second + " was started by " + task.app);
}

int audit(const std::string& database_file, const Ledger& ledger,
          const std::string& requeued_file) {
  // Opened for writing: a write-ahead log that a killed daemon left is read in.
  SQLite::Database database(database_file, SQLite::OPEN_READWRITE, 20'000);
  Findings findings;
  const Counts lines = compare_lines(ledger, database, findings);
  const std::size_t too_often = compare_starts(ledger, database, requeued_file, findings);
  check_rows(ledger, database, findings);
  check_apps(ledger, database, findings);
  const auto stuck = number(database, "SELECT count(*) FROM jobs WHERE state IN "
                                      "('queued', 'submitting', 'running')");
  if (stuck != 0)
    findings.wrong(std::to_string(stuck) + " jobs are stuck");
  std::size_t starts = 0;
  for (const auto& [name, count] : ledger.starts)
    starts += static_cast<std::size_t>(count);

  std::cout << "lines handed out " << lines.handed_out << ", stored " << lines.stored
            << ", in gaps " << lines.in_gaps << ", duplicates " << lines.duplicates << ", invented "
            << lines.invented << ", out of order " << lines.out_of_order << ", lost " << lines.lost
            << "\njobs " << number(database, "SELECT count(*) FROM jobs") << ", starts " << starts
            << ", started too often " << too_often << ", unconfirmed "
            << number(database, "SELECT count(*) FROM jobs WHERE state = 'unconfirmed'")
            << ", stuck " << stuck << std::endl;
  return findings.none() ? 0 : exit_wrong;
}

/// The default app's ledger, and those that stand as APP=LEDGER behind the other arguments.
Ledger read_ledgers(const std::vector<std::string>& arguments) {
  Ledger ledger;
  read_ledger("default", arguments[1], ledger);
  for (std::size_t i = 3; i < arguments.size(); ++i) {
    const auto equals = arguments[i].find('=');
    if (equals == std::string::npos)
      throw std::runtime_error("not APP=LEDGER: " + arguments[i]);
    read_ledger(arguments[i].substr(0, equals), arguments[i].substr(equals + 1), ledger);
  }
  return ledger;
}

} // namespace
} // namespace kdq::audit

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 2) {
    std::cerr << "usage: kdocs-audit DATABASE LEDGER [REQUEUED [APP=LEDGER]...]\n";
    return kdq::audit::exit_usage;
  }
  try {
    return kdq::audit::audit(arguments[0], kdq::audit::read_ledgers(arguments),
                             arguments.size() > 2 ? arguments[2] : "");
  } catch (const std::exception& error) {
    std::cout << "WRONG: " << error.what() << '\n';
    return kdq::audit::exit_wrong;
  }
}
