#include "store/run_times.h"

#include "store/database.h"
#include "store/statement.h"

#include <algorithm>
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

// Users may write these tables too: what is read is brought into bounds that no real row reaches.
constexpr std::int64_t longest_run_ms = std::chrono::milliseconds(std::chrono::years(10)).count();
constexpr std::int64_t highest_seq = std::int64_t{1} << 62;
constexpr std::int64_t most_starts = 100'000;

/// A run's bound.
std::chrono::milliseconds span_of(const SQLite::Column& column, std::chrono::milliseconds least) {
  return std::chrono::milliseconds(std::clamp(column.getInt64(), least.count(), longest_run_ms));
}

} // namespace

struct RunTimes::Impl {
  explicit Impl(Database& database) : owner(database), db(database.connection()) {
    // What a transaction that did not come about has changed in memory is read again.
    owner.at_commit(
        this, [] {},
        [this] {
          seqs.clear();
          counted.clear();
        });
  }
  ~Impl() { owner.at_commit(this, nullptr, nullptr); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Database& owner;
  SQLite::Database& db;
  Statement load{db, "SELECT key, seq, submitted_at, low_ms, high_ms, exact_ms FROM run_times "
                     "WHERE app = ?1 ORDER BY seq, key DESC"};
  Statement add{db, "INSERT OR REPLACE INTO run_times"
                    "(app, key, seq, submitted_at, low_ms, high_ms, exact_ms) "
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
  Statement remove{db, "DELETE FROM run_times WHERE app = ?1 AND seq = ?2 AND key = ?3"};
  Statement starts{db, "SELECT at, starts FROM start_counts WHERE app = ?1 ORDER BY at"};
  Statement count_starts{db, "INSERT INTO start_counts(app, at, starts) VALUES (?1, ?2, ?3) "
                             "ON CONFLICT DO UPDATE SET "
                             "starts = min(starts, 100000) + excluded.starts"};
  Statement forget_starts{db, "DELETE FROM start_counts WHERE app = ?1 AND at < ?2"};

  Statement seqs_of_app{db, "SELECT key, seq FROM run_times WHERE app = ?1 ORDER BY seq"};

  std::unordered_map<std::string, WallTime> counted; ///< the last slot, by app
  /// The rows of each key of an app; an app that is not there is to be read. They are found by it
  /// instead of by an index, of which each run of another script would write a page of its own.
  using Seqs = std::unordered_map<std::string, std::vector<std::int64_t>>;
  std::unordered_map<std::string, Seqs> seqs;

  Seqs& seqs_of(const std::string& app);
  void trim(const std::string& app, const std::string& key, std::vector<std::int64_t>& rows);
};

RunTimes::RunTimes(Database& database) : impl_(std::make_unique<Impl>(database)) {}
RunTimes::~RunTimes() = default;

std::vector<RunRow> RunTimes::load(const std::string& app) {
  std::vector<RunRow> rows;
  impl_->load.each(
      [&](SQLite::Statement& row) {
        const std::int64_t seq = row.getColumn(1).getInt64();
        if (seq < 1 || seq > highest_seq)
          return true;
        RunRow& run = rows.emplace_back();
        run.key = row.getColumn(0).getString();
        run.seq = seq;
        run.submitted_at = parse_time(row.getColumn(2).getString()).value_or(WallTime{});
        run.run.low = span_of(row.getColumn(3), std::chrono::milliseconds(0));
        run.run.high = span_of(row.getColumn(4), run.run.low);
        if (!row.getColumn(5).isNull())
          run.run.exact = std::min(span_of(row.getColumn(5), run.run.low), run.run.high);
        return true;
      },
      app);
  Impl::Seqs& seqs = impl_->seqs[app] = {};
  for (const RunRow& row : rows)
    seqs[row.key].push_back(row.seq);
  return rows;
}

RunTimes::Impl::Seqs& RunTimes::Impl::seqs_of(const std::string& app) {
  const auto [found, is_new] = seqs.try_emplace(app);
  if (is_new)
    seqs_of_app.each(
        [&, &of_app = found->second](SQLite::Statement& row) {
          of_app[row.getColumn(0).getString()].push_back(row.getColumn(1).getInt64());
          return true;
        },
        app);
  return found->second;
}

std::vector<StartCount> RunTimes::starts(const std::string& app) {
  std::vector<StartCount> counts;
  impl_->starts.each(
      [&](SQLite::Statement& row) {
        if (const auto at = parse_time(row.getColumn(0).getString()))
          counts.push_back(
              {*at, std::clamp<std::int64_t>(row.getColumn(1).getInt64(), 0, most_starts)});
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
  std::vector<std::int64_t>& seqs = impl_->seqs_of(app)[row.key];
  std::optional<std::int64_t> exact;
  if (row.run.exact)
    exact = count_of(*row.run.exact);
  impl_->add.run(app, row.key, row.seq, row.submitted_at, count_of(row.run.low),
                 count_of(row.run.high), exact);
  seqs.push_back(row.seq);
  if (seqs.size() >= first_kept + last_kept + trimmed_together)
    impl_->trim(app, row.key, seqs);
}

void RunTimes::Impl::trim(const std::string& app, const std::string& key,
                          std::vector<std::int64_t>& rows) {
  const auto begin = rows.begin() + first_kept;
  const auto end = rows.end() - last_kept;
  for (auto seq = begin; seq != end; ++seq)
    remove.run(app, *seq, key);
  rows.erase(begin, end);
}

void RunTimes::forget(const std::string& app, const std::string& key) {
  Impl::Seqs& seqs = impl_->seqs_of(app);
  const auto found = seqs.find(key);
  if (found == seqs.end())
    return;
  for (const std::int64_t seq : found->second)
    impl_->remove.run(app, seq, key);
  seqs.erase(found);
}

} // namespace kdq
