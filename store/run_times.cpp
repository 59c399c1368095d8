#include "store/run_times.h"

#include "store/database.h"
#include "store/statement.h"

#include <unordered_map>

namespace kdq {
namespace {

// The first three runs made the prior of new scripts, and go on counting for it; of the others the
// last 400 do. Trimmed are many at a time, of which some share a page.
constexpr std::size_t first_kept = 3;
constexpr std::size_t last_kept = 400;
constexpr std::size_t trimmed_together = 64;

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
  Statement remove{db, "DELETE FROM run_times WHERE app = ?1 AND seq = ?2 AND key = ?3"};
  Statement starts{db, "SELECT at, starts FROM start_counts WHERE app = ?1 ORDER BY at"};
  Statement count_starts{db, "INSERT INTO start_counts(app, at, starts) VALUES (?1, ?2, ?3) "
                             "ON CONFLICT DO UPDATE SET starts = starts + excluded.starts"};
  Statement forget_starts{db, "DELETE FROM start_counts WHERE app = ?1 AND at < ?2"};

  std::unordered_map<std::string, WallTime> counted; ///< the last slot, by app
  /// The rows of each key, by app and key. They are found by it instead of by an index, of which
  /// each run of another script would write a page of its own.
  std::unordered_map<std::string, std::vector<std::int64_t>> seqs;

  std::vector<std::int64_t>& seqs_of(const std::string& app, const std::string& key) {
    return seqs[app + '/' + key];
  }
  void trim(const std::string& app, const std::string& key);
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
  std::erase_if(impl_->seqs, [&](const auto& entry) { return entry.first.starts_with(app + '/'); });
  for (const RunRow& row : rows)
    impl_->seqs_of(app, row.key).push_back(row.seq);
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
  std::vector<std::int64_t>& seqs = impl_->seqs_of(app, row.key);
  if (seqs.empty() || seqs.back() != row.seq) // else the transaction is run again
    seqs.push_back(row.seq);
  if (seqs.size() >= first_kept + last_kept + trimmed_together)
    impl_->trim(app, row.key);
}

void RunTimes::Impl::trim(const std::string& app, const std::string& key) {
  std::vector<std::int64_t>& rows = seqs_of(app, key);
  const auto begin = rows.begin() + first_kept;
  const auto end = rows.end() - last_kept;
  for (auto seq = begin; seq != end; ++seq)
    remove.run(app, *seq, key);
  rows.erase(begin, end);
}

void RunTimes::forget(const std::string& app, const std::string& key) {
  const auto found = impl_->seqs.find(app + '/' + key);
  if (found == impl_->seqs.end())
    return;
  for (const std::int64_t seq : found->second)
    impl_->remove.run(app, seq, key);
  impl_->seqs.erase(found);
}

} // namespace kdq
