#include "tests/sim/log_check.h"

#include <SQLiteCpp/Statement.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>

namespace kdq::sim {
namespace {

using nlohmann::json;
using test::FakeTask;

/// What stands in the log of one attempt.
struct Row {
  bool gap = false;
  std::string args, filename, level, timestamp;
  std::optional<std::size_t> line; ///< which of the task's lines it is
};

std::vector<Row> read_rows(SQLite::Database& database, std::int64_t job, std::int64_t attempt) {
  SQLite::Statement query(database, "SELECT level, args, coalesce(filename, ''), "
                                    "coalesce(timestamp, '') FROM logs "
                                    "WHERE job_id = ? AND attempt = ? ORDER BY seq");
  query.bind(1, job);
  query.bind(2, attempt);
  std::vector<Row> rows;
  while (query.executeStep()) {
    Row row;
    row.level = query.getColumn(0).getString();
    row.gap = row.level == "gap";
    row.args = query.getColumn(1).getString();
    row.filename = query.getColumn(2).getString();
    row.timestamp = query.getColumn(3).getString();
    rows.push_back(std::move(row));
  }
  return rows;
}

std::optional<std::size_t> line_of(const FakeTask& task, const Row& row) {
  for (std::size_t i = 0; i < task.lines.size(); ++i) {
    const json& entry = task.lines[i].entry;
    if (json::parse(row.args, nullptr, false) == entry["args"] &&
        row.filename == entry["filename"] && row.level == entry["level"] &&
        row.timestamp == entry["timestamp"])
      return i;
  }
  return std::nullopt;
}

bool is_start_lost(SQLite::Database& database, const IntentKey& start) {
  SQLite::Statement query(database, "SELECT 1 FROM requests WHERE job_id = ? AND attempt = ? AND "
                                    "endpoint = 'submit' AND sent_at = ? AND outcome = 'lost'");
  query.bind(1, start.job);
  query.bind(2, start.attempt);
  query.bind(3, start.sent_at);
  return query.executeStep();
}

/// Whether a gap row's span has the time at which the line was written.
bool spans(const Row& row, WallTime at) {
  const json args = json::parse(row.args, nullptr, false);
  if (!args.is_array() || args.size() != 3)
    return false;
  const auto from = parse_time(args[1].get<std::string>());
  const auto to = parse_time(args[2].get<std::string>());
  return from && to && *from <= at && at <= *to;
}

/// Whether a gap row stands where the line would stand: for runs in which the civil clock was set,
/// so that times tell nothing.
bool stands_between(const std::vector<Row>& rows, std::size_t line) {
  std::optional<std::size_t> before;
  bool open = false;
  for (const Row& row : rows) {
    if (row.gap && (!before || *before < line))
      open = true;
    if (!row.line)
      continue;
    if (*row.line > line && open)
      return true;
    open &= *row.line < line;
    before = row.line;
  }
  return open;
}

struct TaskCheck {
  const World& world;
  const FakeTask& task;
  std::string name;
  bool start_unknown; ///< the row says that nobody knows whether it ran
  Findings& findings;

  void complain(const std::string& sentence) {
    findings.violations.push_back(name + ": " + sentence);
  }

  void recognise(std::vector<Row>& rows) {
    std::optional<std::size_t> last;
    std::vector<bool> seen(task.lines.size());
    for (Row& row : rows) {
      if (row.gap)
        continue;
      row.line = line_of(task, row);
      if (!row.line || !task.lines[*row.line].handed_out) {
        complain("a line was invented: " + row.args);
        continue;
      }
      ++findings.lines_stored;
      if (seen[*row.line]) {
        ++findings.duplicates;
        complain("a line stands twice: " + row.args);
      } else if (last && *row.line < *last) {
        complain("a line stands out of order: " + row.args);
      }
      seen[*row.line] = true;
      last = row.line;
    }
  }

  void find_lost(const std::vector<Row>& rows) {
    for (std::size_t i = 0; i < task.lines.size(); ++i) {
      const FakeTask::Line& line = task.lines[i];
      if (!line.handed_out)
        continue;
      ++findings.lines_handed_out;
      const auto same = [&](const Row& row) { return row.line == i; };
      if (std::any_of(rows.begin(), rows.end(), same))
        continue;
      const auto covers = [&](const Row& row) { return row.gap && spans(row, line.at); };
      if (world.seen().stepped ? stands_between(rows, i)
                               : std::any_of(rows.begin(), rows.end(), covers)) {
        ++findings.lines_in_gaps;
        continue;
      }
      // The start was on its way in the backup, its reply and all that followed are undone.
      if (start_unknown && world.wire().by_service_id(line.handed_to).undone) {
        ++findings.lines_deleted;
        continue;
      }
      ++findings.lost;
      complain("lost: line " + std::to_string(i) + " " + line.entry["args"].dump() + " written " +
               to_text(line.at) + ", handed out " + to_text(*line.handed_out) + " to request " +
               std::to_string(line.handed_to.value));
    }
  }
};

} // namespace

void check_logs(const World& world, SQLite::Database& database, Findings& findings) {
  for (const FakeTask& task : world.kdocs().tasks()) {
    const Wire::Sent& sent = world.wire().by_service_id(task.started_by);
    const std::optional<IntentKey>& start = sent.intent;
    SQLite::Statement query(database, "SELECT 1 FROM jobs WHERE id = ?");
    if (start)
      query.bind(1, start->job);
    // Of a start after the backup a restored file knows nothing; whose row has its id is checked.
    if (sent.undone || !query.executeStep()) {
      for (const FakeTask::Line& line : task.lines) {
        findings.lines_handed_out += line.handed_out.has_value();
        findings.lines_deleted += line.handed_out.has_value();
      }
      continue;
    }
    const std::int64_t job = start->job;
    const std::int64_t attempt = start->attempt;
    std::vector<Row> rows = read_rows(database, job, attempt);
    TaskCheck check{world, task,
                    "job " + std::to_string(job) + " attempt " + std::to_string(attempt),
                    is_start_lost(database, *start), findings};
    check.recognise(rows);
    check.find_lost(rows);
  }
}

} // namespace kdq::sim
