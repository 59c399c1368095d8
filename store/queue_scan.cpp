#include "store/queue_scan.h"

#include "store/database.h"
#include "store/statement.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace kdq {
namespace {

// Users may have switched off what guards the table.
constexpr std::int64_t greatest_weight = 1000;

std::optional<std::int64_t> limit_of(const SQLite::Column& column) {
  if (column.isNull())
    return std::nullopt;
  return std::max<std::int64_t>(0, column.getInt64());
}

/// Its columns: name, weight, max_running, starts_per_day.
JobClass read_class(SQLite::Statement& row) {
  JobClass found;
  found.name = row.getColumn(0).getString();
  if (!row.getColumn(1).isNull())
    found.weight = std::clamp<std::int64_t>(row.getColumn(1).getInt64(), 1, greatest_weight);
  found.max_running = limit_of(row.getColumn(2));
  found.starts_per_day = limit_of(row.getColumn(3));
  return found;
}

std::string scan_of(const char* which) {
  return "SELECT job_id, file_token, due, priority, timed, scheduled FROM queue WHERE app = ?1 "
         "AND class = ?2 AND lane = 'ready' " +
         std::string(which) + "ORDER BY priority, due, job_id";
}

} // namespace

struct QueueScanner::Impl {
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;

  // Partial indexes are used for literal predicates only: they are written out.
  Statement all{db, scan_of("")};
  Statement scheduled{db, scan_of("AND scheduled = 1 ")};
  Statement first_app{db, "SELECT min(app) FROM queue"};
  Statement next_app{db, "SELECT min(app) FROM queue WHERE app > ?1"};
  // From one name to the next, whatever number of jobs each has.
  Statement classes{
      db, "WITH RECURSIVE ready(class) AS (SELECT min(class) FROM queue WHERE app = ?1 AND "
          "lane = 'ready' AND class >= ?2 UNION ALL SELECT (SELECT min(class) FROM queue WHERE "
          "app = ?1 AND lane = 'ready' AND class > ready.class) FROM ready "
          "WHERE class IS NOT NULL LIMIT ?3) "
          "SELECT ready.class, weight, max_running, starts_per_day FROM ready "
          "LEFT JOIN classes AS c ON c.app = ?1 AND c.name = ready.class "
          "WHERE ready.class IS NOT NULL"};
  Statement one_class{db, "SELECT name, weight, max_running, starts_per_day FROM classes "
                          "WHERE app = ?1 AND name = ?2"};
};

QueueScanner::QueueScanner(Database& database)
    : impl_(std::make_unique<Impl>(database.connection())) {}
QueueScanner::~QueueScanner() = default;

std::vector<std::string> QueueScanner::queued_apps() {
  std::vector<std::string> apps;
  for (auto app = impl_->first_app.text(); app; app = impl_->next_app.text(*app))
    apps.push_back(*app);
  return apps;
}

std::vector<JobClass> QueueScanner::queued_classes(const std::string& app, const std::string& from,
                                                   std::size_t at_most) {
  std::vector<JobClass> found;
  const auto read = [&](const std::string& begin, const auto& is_wanted) {
    impl_->classes.each(
        [&](SQLite::Statement& row) {
          JobClass one = read_class(row);
          if (!is_wanted(one))
            return false;
          found.push_back(std::move(one));
          return true;
        },
        app, begin, static_cast<std::int64_t>(at_most - found.size()));
  };
  read(from, [](const JobClass&) { return true; });
  if (!from.empty() && found.size() < at_most)
    read("", [&](const JobClass& one) { return one.name < from; });
  return found;
}

JobClass QueueScanner::job_class(const std::string& app, const std::string& name) {
  JobClass found;
  impl_->one_class.each(
      [&](SQLite::Statement& row) {
        found = read_class(row);
        return true;
      },
      app, name);
  found.name = name;
  return found;
}

QueueScan QueueScanner::scan(const Part& part, WallTime now, std::size_t limit,
                             std::size_t taken_files,
                             const std::function<std::size_t(const std::string&)>& slots) {
  QueueScan found;
  struct OnFile {
    std::size_t left = 0;          ///< places for this scan
    bool seen[2] = {false, false}; ///< a job without schedule, and one with
  };
  std::unordered_map<std::string, OnFile> files;
  const std::string now_text = to_text(now);
  // Of a file that is taken, the first row stays where it is, and stands in the way of every scan;
  // so does the first one that has a schedule.
  const std::size_t left_out = part.left_out ? part.left_out->size() : 0;
  const std::size_t most_rows = max_moved_rows + limit + 2 * taken_files + left_out;
  std::size_t rows = 0;
  (part.scheduled_only ? impl_->scheduled : impl_->all)
      .each(
          [&](SQLite::Statement& row) {
            if (found.startable.size() == limit)
              return false;
            if (rows++ == most_rows || found.behind.size() + found.early.size() == max_moved_rows)
              return false;
            const JobId id{row.getColumn(0).getInt64()};
            if (left_out > 0 && part.left_out->contains(id))
              return true;
            if (row.getColumn(4).getInt() != 0 && row.getColumn(2).getString() > now_text) {
              found.early.push_back(id);
              return true;
            }
            std::string file = row.getColumn(1).getString();
            const bool has_schedule = row.getColumn(5).getInt() != 0;
            const auto [entry, first] = files.try_emplace(file);
            OnFile& on = entry->second;
            if (first)
              on.left = slots(file);
            const bool is_first = !std::exchange(on.seen[has_schedule ? 1 : 0], true);
            if (on.left > 0) {
              --on.left;
              found.startable.push_back({id, part.app, std::move(file), row.getColumn(3).getInt64(),
                                         row.getColumn(2).getString(), part.of.name, part.of.weight,
                                         has_schedule});
            } else if (!is_first) {
              found.behind.push_back(id); // an earlier one of its kind stays ready in its stead
            }
            return true;
          },
          part.app, part.of.name);
  return found;
}

} // namespace kdq
