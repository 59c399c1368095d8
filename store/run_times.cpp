#include "store/run_times.h"

#include "store/database.h"
#include "store/statement.h"

#include <unordered_map>

namespace kdq {
namespace {

// A key is trimmed at every 64th run: to do it at each would read 400 rows to find one to delete.
constexpr int trim_every = 64;

constexpr std::chrono::seconds slot{30};
constexpr std::chrono::hours remembered{72};

std::int64_t count_of(std::chrono::milliseconds span) {
  return span.count();
}

} // namespace

struct RunTimes::Impl {
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;
  Statement load{db, "SELECT key, seq, submitted_at, low_ms, high_ms, exact_ms FROM run_times "
                     "WHERE app = ?1 ORDER BY seq, key DESC"};
  Statement add{db, "INSERT OR REPLACE INTO run_times"
                    "(app, key, seq, submitted_at, low_ms, high_ms, exact_ms) "
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
  // The first three runs made the prior of new scripts, and go on counting for it.
  Statement trim{db, "DELETE FROM run_times WHERE app = ?1 AND key = ?2 "
                     "AND seq > (SELECT seq FROM run_times WHERE app = ?1 AND key = ?2 "
                     "           ORDER BY seq LIMIT 1 OFFSET 2) "
                     "AND seq <= (SELECT seq FROM run_times WHERE app = ?1 AND key = ?2 "
                     "            ORDER BY seq DESC LIMIT 1 OFFSET 400)"};
  Statement forget{db, "DELETE FROM run_times WHERE app = ?1 AND key = ?2"};
  Statement starts{db, "SELECT at, starts FROM start_counts WHERE app = ?1 ORDER BY at"};
  Statement count_starts{db, "INSERT INTO start_counts(app, at, starts) VALUES (?1, ?2, ?3) "
                             "ON CONFLICT DO UPDATE SET starts = starts + excluded.starts"};
  Statement forget_starts{db, "DELETE FROM start_counts WHERE app = ?1 AND at < ?2"};

  std::unordered_map<std::string, WallTime> counted; ///< the last slot, by app
  std::unordered_map<std::string, int> untrimmed;    ///< rows added, by app and key
};

RunTimes::RunTimes(Database& database) : impl_(std::make_unique<Impl>(database.connection())) {}
RunTimes::~RunTimes() = default;

std::vector<RunRow> RunTimes::load(const std::string& app) {
  std::vector<RunRow> rows;
  impl_->load.each(
      [&](SQLite::Statement& row) {
        RunRow& run = rows.emplace_back();
        run.key = row.getColumn(0).getString();
        run.seq = row.getColumn(1).getInt64();
        run.submitted_at = parse_time(row.getColumn(2).getString()).value_or(WallTime{});
        run.run.low = std::chrono::milliseconds(row.getColumn(3).getInt64());
        run.run.high = std::chrono::milliseconds(row.getColumn(4).getInt64());
        if (!row.getColumn(5).isNull())
          run.run.exact = std::chrono::milliseconds(row.getColumn(5).getInt64());
        return true;
      },
      app);
  return rows;
}

std::vector<StartCount> RunTimes::starts(const std::string& app) {
  std::vector<StartCount> counts;
  impl_->starts.each(
      [&](SQLite::Statement& row) {
        if (const auto at = parse_time(row.getColumn(0).getString()))
          counts.push_back({*at, row.getColumn(1).getInt64()});
        return true;
      },
      app);
  return counts;
}

WallTime RunTimes::half_minute(WallTime at) {
  return WallTime{at.time_since_epoch() / slot * slot};
}

void RunTimes::count_starts(const std::string& app, WallTime at, std::int64_t starts) {
  const WallTime begins = half_minute(at);
  impl_->count_starts.run(app, begins, starts);
  const auto [counted, first] = impl_->counted.try_emplace(app, begins);
  if (!first && counted->second == begins)
    return;
  counted->second = begins;
  impl_->forget_starts.run(app, begins - remembered);
}

void RunTimes::add(const std::string& app, const RunRow& row) {
  std::optional<std::int64_t> exact;
  if (row.run.exact)
    exact = count_of(*row.run.exact);
  impl_->add.run(app, row.key, row.seq, row.submitted_at, count_of(row.run.low),
                 count_of(row.run.high), exact);
  int& untrimmed = impl_->untrimmed[app + '/' + row.key];
  if (++untrimmed < trim_every)
    return;
  untrimmed = 0;
  impl_->trim.run(app, row.key);
}

void RunTimes::forget(const std::string& app, const std::string& key) {
  impl_->forget.run(app, key);
  impl_->untrimmed.erase(app + '/' + key);
}

} // namespace kdq
