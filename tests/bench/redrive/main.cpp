// redrive: how long a user's one statement about very many ended jobs takes, and so how long the
// write lock is held: run again, run again spread over an hour, deleted. By a plain `sqlite3`.
#include "store/database.h"
#include "tests/bench/common/program.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <stdexcept>

namespace {

using namespace kdq::bench;

struct Options {
  std::string folder = "/tmp";
  std::int64_t jobs = 100'000;
  std::int64_t rounds = 3;
};

/// Jobs that failed, each with a script of its own of 1 KB; half of them are in a batch, and one in
/// ten has a job that waits for it. Beside them as many that succeeded.
void fill(const std::filesystem::path& file, std::int64_t jobs) {
  kdq::Database{file}; // makes the tables
  SQLite::Database connection(file.string(), SQLite::OPEN_READWRITE);
  const std::string count = std::to_string(jobs);
  const std::string numbers =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ";
  connection.exec("INSERT INTO daemon(one, started_at, max_running_per_file) VALUES (1, 'x', 1);"
                  "INSERT INTO batches(name) VALUES ('b'); BEGIN");
  connection.exec(numbers + "2 * " + count +
                  ") INSERT INTO jobs(file_token, script, batch_id) SELECT 'file' || (i % 1000), "
                  "printf('%d%1000c', i, ' '), iif(i % 2 = 1 AND i <= " +
                  count + ", 1, NULL) FROM n");
  connection.exec(numbers + count +
                  " / 10) INSERT INTO jobs(file_token, script, depends_on) "
                  "SELECT 'file' || (i % 1000), 'x', i * 10 FROM n");
  const std::string first = " WHERE id <= " + count;
  const std::string second = " WHERE id > " + count + " AND id <= 2 * " + count;
  connection.exec("UPDATE jobs SET state = 'submitting' WHERE id <= 2 * " + count +
                  "; UPDATE jobs SET attempt = 1, task_id = hex(randomblob(30)), padding = "
                  "zeroblob(80), submitted_at = created_at, finished_at = created_at "
                  "WHERE id <= 2 * " +
                  count + "; UPDATE jobs SET state = 'running'" + second +
                  "; UPDATE jobs SET state = 'succeeded'" + second +
                  "; UPDATE jobs SET error = 'TypeError', cause = 'script'" + first +
                  "; UPDATE jobs SET state = 'failed'" + first +
                  "; UPDATE needs SET stuck = 1; DELETE FROM ended_needs; COMMIT;"
                  "PRAGMA wal_checkpoint(TRUNCATE)");
}

struct Statement {
  const char* name;
  const char* sql;
  const char* left; ///< counts what it should have changed and did not
};

constexpr Statement statements[] = {
    {"queued", "UPDATE jobs SET state = 'queued' WHERE cause = 'script'",
     "SELECT count(*) FROM dead_letters"},
    {"spread",
     "UPDATE jobs SET state = 'queued', run_at = strftime('%Y-%m-%d %H:%M:%f', 'now', "
     "(abs(random()) % 3600) || ' seconds') WHERE cause = 'script'",
     "SELECT count(*) FROM dead_letters"},
    {"deleted", "DELETE FROM jobs WHERE state = 'succeeded'",
     "SELECT count(*) FROM jobs WHERE state = 'succeeded'"},
};

nlohmann::json measure(const Options& options) {
  WorkFolder folder(options.folder);
  const std::filesystem::path full = folder.path() / "full.db";
  const std::filesystem::path file = folder.path() / "queue.db";
  fill(full, options.jobs);
  nlohmann::json result = {{"bench", "redrive"}, {"jobs", options.jobs}};
  for (const Statement& statement : statements) {
    double least_ms = 0;
    double least_cpu_ms = 0;
    for (std::int64_t round = 0; round < options.rounds; ++round) {
      for (const char* with : {"", "-wal", "-shm"})
        std::filesystem::remove(file.string() + with);
      std::filesystem::copy_file(full, file);
      const std::int64_t begin = monotonic_ns();
      const EndedProcess shell =
          Process({"/usr/bin/sqlite3", file.string(), statement.sql}, folder.path() / "log").wait();
      const double ms = static_cast<double>(monotonic_ns() - begin) / 1e6;
      SQLite::Database database(file.string());
      if (shell.exit_code != 0 || database.execAndGet(statement.left).getInt64() != 0)
        throw std::runtime_error("sqlite3 did not do it: " + read_text(folder.path() / "log"));
      const double cpu_ms = static_cast<double>(shell.cpu.count()) / 1e3;
      least_ms = round == 0 ? ms : std::min(least_ms, ms);
      least_cpu_ms = round == 0 ? cpu_ms : std::min(least_cpu_ms, cpu_ms);
    }
    result[std::string(statement.name) + "_ms"] = rounded(least_ms, 0);
    result[std::string(statement.name) + "_cpu_ms"] = rounded(least_cpu_ms, 0);
  }
  return result;
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"How long one statement about very many ended jobs takes", "bench_redrive"};
  cli.add_option("--folder", options.folder, "where to work; on a local disk")
      ->capture_default_str();
  cli.add_option("--jobs", options.jobs, "that failed, and as many that succeeded")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cli.add_option("--rounds", options.rounds, "of which the fastest counts")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  return run_benchmark(cli, argc, argv, [&] { return measure(options); });
}
