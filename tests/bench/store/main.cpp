// store: what the database's part of a job costs, without network, schedule and disk waits: all
// statements that a job passes through, from its claim to its end, in transactions as large as the
// engine's.
#include "store/database.h"
#include "store/job_queue.h"
#include "store/metric_counters.h"
#include "store/queue_scan.h"
#include "store/quota_ledger.h"
#include "store/request_log.h"
#include "store/result_log.h"
#include "store/run_times.h"
#include "store/script_digest.h"
#include "tests/bench/common/process.h"

#include <CLI/CLI.hpp>
#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace {

using namespace kdq;

struct Options {
  std::int64_t jobs = 20'000;
  std::size_t starts = 32;
  std::size_t replies = 32;
  std::string texts = "different"; ///< or same
  std::string files = "many";      ///< or one
  std::int64_t script_bytes = 40;  ///< about
  std::int64_t classes = 0;        ///< the jobs are spread over so many; 0: they have none
  std::int64_t limited = 0;        ///< jobs of one more class, which may start none
  std::int64_t dependent = 0;      ///< jobs that wait for another one
  std::int64_t after_batch = 0;    ///< jobs that wait for a batch
  std::string folder = "/tmp";
};

double cpu_us(timeval time) {
  return 1e6 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec);
}

/// The verbs in the order in which the engine calls them.
class Work {
public:
  Work(Database& database, const Options& options)
      : options_(options), database_(database), queue_(database), scanner_(database),
        log_(database), requests_(database), ledger_(database), run_times_(database),
        metrics_(database) {}

  /// One job after the other; returns how many.
  std::int64_t run() {
    std::int64_t ended = 0;
    while (start()) {
      in_batches(
          options_.replies, [this](Job& job) { accept(job); }, std::nullopt, true);
      database_.durable();
      in_batches(
          options_.starts, [this](Job& job) { ask(job); }, Endpoint::status);
      database_.durable();
      in_batches(options_.replies, [this](Job& job) { end(job); });
      database_.durable();
      ended += static_cast<std::int64_t>(jobs_.size());
      if (database_.log_is_long())
        database_.checkpoint();
      jobs_.clear();
    }
    return ended;
  }

private:
  struct Job {
    JobId id;
    JobRow row;
    Intent intent;
    std::string key; ///< of its run times
  };

  bool start() {
    std::vector<QueueScan::Entry> found;
    database_.read([&] {
      const std::size_t room = rounds * options_.starts;
      for (const JobClass& job_class : scanner_.queued_classes("default", "", most_classes)) {
        if (job_class.max_running == 0 || found.size() == room)
          continue;
        const QueueScan scan = scanner_.scan({"default", job_class}, now_, room - found.size(), 0,
                                             [](const std::string&) { return std::size_t{1000}; });
        found.insert(found.end(), scan.startable.begin(), scan.startable.end());
      }
    });
    for (std::size_t from = 0; from < found.size(); from += options_.starts)
      database_.write([&] {
        const std::size_t to = std::min(found.size(), from + options_.starts);
        jobs_.resize(from); // what an attempt before this one left
        ledger_.take({"default", Endpoint::submit, "2026-01-01"}, 1'000'000'000,
                     static_cast<std::int64_t>(to - from));
        for (std::size_t i = from; i < to; ++i) {
          Job& job = jobs_.emplace_back();
          const ClaimedJob claimed = queue_.claim(found[i], now_).value();
          job.id = claimed.id;
          job.row = claimed.row;
          job.key = "s:" + script_digest(claimed.script);
          job.intent = {job.id, job.row.attempt, Endpoint::submit, now_, job.row.rev};
          requests_.begin(job.intent);
        }
      });
    database_.durable();
    return !found.empty();
  }

  template <class Do>
  void in_batches(std::size_t size, Do&& change, std::optional<Endpoint> paid = std::nullopt,
                  bool counted = false) {
    for (std::size_t from = 0; from < jobs_.size(); from += size)
      database_.write([&] {
        const std::size_t to = std::min(jobs_.size(), from + size);
        if (paid)
          ledger_.take({"default", *paid, "2026-01-01"}, 1'000'000'000,
                       static_cast<std::int64_t>(to - from));
        for (std::size_t i = from; i < to; ++i)
          change(jobs_[i]);
        if (counted)
          run_times_.count_starts("default", now_, static_cast<std::int64_t>(to - from));
      });
  }

  void save(Job& job, JobRow after) {
    after.rev = job.row.rev + 1;
    if (!queue_.save(job.id, job.row, after) || !requests_.end(job.intent))
      throw std::runtime_error("a job is gone");
    job.row = after;
  }

  void accept(Job& job) {
    JobRow row = job.row;
    row.state = JobState::running;
    row.task_id = "T%2F" + std::to_string(job.id.value) + "%3D%3D";
    row.submitted_at = now_;
    const Intent intent = job.intent;
    save(job, std::move(row));
    metrics_.request_ended("default", Endpoint::submit, RequestOutcome::accepted);
    requests_.record({intent, now_, 200, RequestOutcome::accepted, {}});
  }

  void ask(Job& job) {
    job.intent = {job.id, job.row.attempt, Endpoint::status, now_, job.row.rev};
    requests_.begin(job.intent);
  }

  void end(Job& job) {
    const auto line = [](const char* file, const char* message) {
      return LogLine{"info",
                     file,
                     std::int64_t{1716888598},
                     "17:29:58.114",
                     std::string("[\"") + message + "\"]",
                     message};
    };
    const std::vector<LogLine> lines{line("system", "已开始执行"), line("bench.ks:1:1", "one"),
                                     line("bench.ks:1:21", "two"), line("system", "执行完毕")};
    RunRow run;
    run.key = job.key;
    run.seq = ++seq_;
    run.submitted_at = now_;
    run_times_.add("default", run);
    JobRow row = job.row;
    row.state = JobState::succeeded;
    row.remote_status = "finish";
    row.result = "\"result\"";
    row.polls = 1;
    row.reported_at = row.finished_at = now_;
    save(job, std::move(row));
    metrics_.request_ended("default", Endpoint::status, RequestOutcome::report);
    metrics_.job_ran("default", std::chrono::seconds(2));
    metrics_.end_seen("default", std::chrono::milliseconds(70));
    log_.append(job.id, job.row.attempt, lines, now_);
  }

  static constexpr std::size_t most_classes = 256; ///< of one look, as the engine has it
  static constexpr std::size_t rounds = 2;         ///< batches between two waits for the disk
  const Options& options_;
  Database& database_;
  JobQueue queue_;
  QueueScanner scanner_;
  ResultLog log_;
  RequestLog requests_;
  QuotaLedger ledger_;
  RunTimes run_times_;
  MetricCounters metrics_;
  WallTime now_{std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch())};
  std::vector<Job> jobs_;
  std::int64_t seq_ = 0;
};

/// What they wait for does not happen.
void insert_waiting(SQLite::Database& db, const Options& options) {
  db.exec("INSERT INTO batches(name, open) VALUES ('open', 1);"
          "INSERT INTO jobs(file_token, script, app, run_at) "
          "VALUES ('f', 'x', 'other', '2126-01-01 00:00:00')");
  const auto insert = [&](const std::string& column, const std::string& value, std::int64_t count) {
    SQLite::Statement waiting(
        db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) "
            "INSERT INTO jobs(file_token, script, " +
                column + ") SELECT 'file ' || i, 'x', " + value + " FROM n WHERE ?1 > 0");
    waiting.bind(1, count);
    waiting.exec();
  };
  insert("depends_on", std::to_string(db.getLastInsertRowid()), options.dependent);
  insert("after_batch", "1", options.after_batch);
}

void insert(const std::filesystem::path& file, const Options& options) {
  SQLite::Database db(file.string(), SQLite::OPEN_READWRITE);
  SQLite::Statement row(db,
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                        "WHERE i < ?1) INSERT INTO jobs(file_token, script, script_name, class) "
                        "SELECT iif(?2, 'file', 'file ' || (i * 7919 % 1000)), "
                        "printf('return %d; //%.*c', iif(?3, 0, i), ?4, 'x'), 'bench', "
                        "iif(?5 > 0, 'class ' || (i * ?5 / ?1), NULL) FROM n");
  row.bind(1, options.jobs);
  row.bind(2, options.files == "one" ? 1 : 0);
  row.bind(3, options.texts == "same" ? 1 : 0);
  row.bind(4, std::max<std::int64_t>(1, options.script_bytes - 20));
  row.bind(5, options.classes);
  row.exec();
  SQLite::Statement limited(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                                "WHERE i < ?1) INSERT INTO jobs(file_token, script, class) "
                                "SELECT 'file ' || i, 'x', 'bulk' FROM n WHERE ?1 > 0");
  limited.bind(1, options.limited);
  limited.exec();
  db.exec("INSERT INTO classes(name, max_running) VALUES ('bulk', 0)");
  insert_waiting(db, options);
}

int measure(const Options& options) {
  const bench::WorkFolder folder(options.folder);
  Database database(folder.path() / "queue.db");
  insert(database.file(), options);
  database.write([] {});
  database.checkpoint();
  Work work(database, options);
  rusage before{};
  ::getrusage(RUSAGE_SELF, &before);
  const std::int64_t disk_before = bench::usage_of(::getpid()).disk_bytes;
  const std::int64_t ended = work.run();
  rusage after{};
  ::getrusage(RUSAGE_SELF, &after);
  const std::int64_t disk = bench::usage_of(::getpid()).disk_bytes - disk_before;
  if (ended != options.jobs)
    throw std::runtime_error("the work was not done");
  const auto jobs = static_cast<double>(ended);
  std::printf(
      "{\"bench\":\"store\",\"texts\":\"%s\",\"files\":\"%s\",\"script_bytes\":%lld,\"jobs\":%lld,"
      "\"classes\":%lld,\"limited\":%lld,\"dependent\":%lld,\"after_batch\":%lld,"
      "\"user_us_per_job\":%.1f,"
      "\"system_us_per_job\":%.1f,\"disk_bytes_per_job\":%.0f}\n",
      options.texts.c_str(), options.files.c_str(), static_cast<long long>(options.script_bytes),
      static_cast<long long>(ended), static_cast<long long>(options.classes),
      static_cast<long long>(options.limited), static_cast<long long>(options.dependent),
      static_cast<long long>(options.after_batch),
      (cpu_us(after.ru_utime) - cpu_us(before.ru_utime)) / jobs,
      (cpu_us(after.ru_stime) - cpu_us(before.ru_stime)) / jobs, static_cast<double>(disk) / jobs);
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"What the database's part of a job costs", "store"};
  cli.add_option("--jobs", options.jobs)->check(CLI::PositiveNumber)->capture_default_str();
  cli.add_option("--starts", options.starts, "starts, or polls, of a transaction")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cli.add_option("--replies", options.replies, "replies of a transaction")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cli.add_option("--texts", options.texts)
      ->check(CLI::IsMember({"same", "different"}))
      ->capture_default_str();
  cli.add_option("--files", options.files)
      ->check(CLI::IsMember({"one", "many"}))
      ->capture_default_str();
  cli.add_option("--script-bytes", options.script_bytes)
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  cli.add_option("--classes", options.classes, "the jobs are spread over so many; 0: without")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  cli.add_option("--limited", options.limited, "jobs of one more class, which may start none")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  cli.add_option("--dependent", options.dependent, "jobs that wait for one that does not end")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  cli.add_option("--after-batch", options.after_batch,
                 "jobs that wait for a batch that does not end")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  cli.add_option("--folder", options.folder, "where to work; on a local disk")
      ->capture_default_str();
  CLI11_PARSE(cli, argc, argv);
  try {
    return measure(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "store: %s\n", error.what());
    return 1;
  }
}
