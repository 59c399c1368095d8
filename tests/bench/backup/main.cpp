// backup: how late small durable transactions are, as the daemon makes them for each poll, while a
// large database is copied; for several ways to copy it. `in-loop` ways step between the
// transactions on the thread that makes them.
#include "store/database.h"
#include "store/database_copy.h"
#include "tests/bench/common/program.h"
#include "tests/bench/common/statistics.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

namespace {

using namespace kdq::bench;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string folder = "/tmp";
  std::string way = "thread";
  std::int64_t megabytes = 1000;
  std::int64_t every_ms = 10;
  std::int64_t foreign_every_ms = 0;
  std::int64_t seconds = 10;
  int pages = 64;
  std::int64_t rest_us = 2500;
};

/// Something that copies while others work.
struct Way {
  /// In the time until then; false: it is done.
  std::function<bool(Clock::time_point)> step = [](Clock::time_point) { return true; };
  std::shared_ptr<void> owner;
};

void fill(const std::filesystem::path& file, std::int64_t megabytes) {
  kdq::Database database(file);
  SQLite::Database& connection = database.connection();
  connection.exec("PRAGMA wal_autocheckpoint = 1000");
  constexpr std::int64_t rows_a_megabyte = 900;
  for (std::int64_t i = 0; i < megabytes; ++i)
    connection.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
                    std::to_string(rows_a_megabyte) + ") INSERT INTO logs SELECT " +
                    std::to_string(i + 1) +
                    ", 1, i, 'info', 'n.ks:1:1', 1.5, '00:00:00', '[\"x\"]', "
                    "hex(randomblob(520)), '2026-01-01 00:00:00.000' FROM n");
}

Way in_loop(const std::filesystem::path& file, const std::filesystem::path& target,
            SQLite::Database* own, int pages) {
  struct State {
    std::unique_ptr<SQLite::Database> from;
    std::unique_ptr<SQLite::Database> to;
    sqlite3_backup* backup = nullptr;
    ~State() { sqlite3_backup_finish(backup); }
  };
  auto state = std::make_shared<State>();
  SQLite::Database* from = own;
  if (!own) {
    state->from = std::make_unique<SQLite::Database>(file.string(), SQLite::OPEN_READONLY);
    state->from->exec("BEGIN; SELECT count(*) FROM sqlite_schema");
    from = state->from.get();
  }
  state->to = std::make_unique<SQLite::Database>(target.string(),
                                                 SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  state->to->exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
  state->backup = sqlite3_backup_init(state->to->getHandle(), "main", from->getHandle(), "main");
  Way way;
  way.owner = state;
  way.step = [state, pages](Clock::time_point until) {
    while (Clock::now() + 2ms < until) // a step shall end before the next transaction is due
      if (sqlite3_backup_step(state->backup, pages) != SQLITE_OK)
        return false;
    return true;
  };
  return way;
}

Way in_thread(const std::function<void()>& work) {
  struct State {
    std::atomic<bool> done{false};
    std::thread thread;
    ~State() { thread.join(); }
  };
  auto state = std::make_shared<State>();
  state->thread = std::thread([work, raw = state.get()] {
    work();
    raw->done = true;
  });
  Way way;
  way.owner = state;
  way.step = [raw = state.get()](Clock::time_point) { return !raw->done; };
  return way;
}

Way make_way(const Options& options, const std::filesystem::path& file,
             const std::filesystem::path& target, kdq::Database& database) {
  if (options.way == "none")
    return {};
  if (options.way == "in-loop-own")
    return in_loop(file, target, &database.connection(), options.pages);
  if (options.way == "in-loop-pinned")
    return in_loop(file, target, nullptr, options.pages);
  if (options.way == "vacuum")
    return in_thread([=] {
      SQLite::Database from(file.string(), SQLite::OPEN_READONLY);
      from.exec("VACUUM INTO '" + target.string() + "'");
    });
  return in_thread([=] {
    kdq::copy_database(file, target, kdq::WallTime{}, [&](const kdq::CopyProgress&) {
      std::this_thread::sleep_for(std::chrono::microseconds(options.rest_us));
      return true;
    });
  });
}

nlohmann::json measure(const Options& options) {
  const WorkFolder folder(options.folder);
  const std::filesystem::path file = folder.path() / "queue.db";
  fill(file, options.megabytes);
  kdq::Database database(file);
  ::sync();
  SQLite::Database user(file.string(), SQLite::OPEN_READWRITE, 5000);
  std::vector<double> late;
  double log_mb = 0;
  const Clock::time_point begin = Clock::now();
  std::optional<double> took;
  Way way = make_way(options, file, folder.path() / "copy.db", database);
  Clock::time_point foreign = begin;
  std::int64_t n = 0;
  for (Clock::time_point due = begin;; due += std::chrono::milliseconds(options.every_ms)) {
    if (!took && !way.step(due))
      took = std::chrono::duration<double>(Clock::now() - begin).count();
    std::this_thread::sleep_until(due);
    database.write([&] {
      database.connection().exec("INSERT INTO logs SELECT 0, 1, " + std::to_string(++n) +
                                 ", 'info', 'n.ks:1:1', 1.5, '', '[]', hex(randomblob(200)), ''");
    });
    database.durable();
    const auto now = Clock::now();
    late.push_back(std::chrono::duration<double, std::milli>(now - due).count());
    if (options.foreign_every_ms > 0 && now >= foreign) {
      foreign = now + std::chrono::milliseconds(options.foreign_every_ms);
      user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', 's')");
    }
    log_mb = std::max(log_mb, static_cast<double>(database.log_bytes()) / 1e6);
    if (database.log_is_long())
      database.checkpoint();
    const double passed = std::chrono::duration<double>(now - begin).count();
    if (options.way == "none" ? passed >= static_cast<double>(options.seconds)
                              : took.has_value() || passed >= 120)
      break;
  }
  return {{"bench", "backup"},
          {"way", options.way},
          {"pages", options.pages},
          {"rest_us", options.rest_us},
          {"transactions", late.size()},
          {"seconds", rounded(took.value_or(-1), 1)},
          {"p50_ms", rounded(percentile(late, 0.5), 2)},
          {"p99_ms", rounded(percentile(late, 0.99), 2)},
          {"p999_ms", rounded(percentile(late, 0.999), 2)},
          {"max_ms", rounded(percentile(late, 1), 1)},
          {"log_mb", rounded(log_mb, 1)}};
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"How late durable transactions are beside a copy of the database", "backup"};
  cli.add_option("--folder", options.folder, "where to work; on a local disk")
      ->capture_default_str();
  cli.add_option("--way", options.way)
      ->check(CLI::IsMember({"none", "in-loop-own", "in-loop-pinned", "vacuum", "thread"}))
      ->capture_default_str();
  cli.add_option("--megabytes", options.megabytes, "of the database")->capture_default_str();
  cli.add_option("--every-ms", options.every_ms, "from one transaction to the next")
      ->capture_default_str();
  cli.add_option("--foreign-every-ms", options.foreign_every_ms,
                 "another connection commits so often; 0: never")
      ->capture_default_str();
  cli.add_option("--seconds", options.seconds, "of the way none")->capture_default_str();
  cli.add_option("--pages", options.pages, "of a step in the loop")->capture_default_str();
  cli.add_option("--rest-us", options.rest_us, "of the thread after each piece")
      ->capture_default_str();
  return run_benchmark(cli, argc, argv, [&] { return measure(options); });
}
