// store: what the database's part of a job costs, without network, schedule and disk waits: all
// statements that a job passes through, from its claim to its end, in transactions as large as the
// engine's.
#include "store/database.h"
#include "store/job_queue.h"
#include "store/quota_ledger.h"
#include "store/result_log.h"
#include "store/run_times.h"
#include "tests/bench/common/process.h"
#include "tests/bench/common/queue_file.h"

#include <CLI/CLI.hpp>
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
  std::string folder = "/tmp";
};

double cpu_us(timeval time) {
  return 1e6 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec);
}

/// The verbs in the order in which the engine calls them.
class Work {
public:
  Work(Database& database, const Options& options)
      : options_(options), database_(database), queue_(database), log_(database), ledger_(database),
        run_times_(database) {}

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
    ClaimedJob claimed;
    RequestId request;
  };

  bool start() {
    QueueScan scan;
    database_.read([&] {
      scan = queue_.scan("default", now_, rounds * options_.starts, 0,
                         [](const std::string&) { return std::size_t{1}; });
    });
    const auto& found = scan.startable;
    for (std::size_t from = 0; from < found.size(); from += options_.starts)
      database_.write([&] {
        const std::size_t to = std::min(found.size(), from + options_.starts);
        jobs_.resize(from); // what an attempt before this one left
        ledger_.take({"default", Endpoint::submit, "2026-01-01"}, 1'000'000'000,
                     static_cast<std::int64_t>(to - from));
        for (std::size_t i = from; i < to; ++i) {
          Job& job = jobs_.emplace_back();
          job.claimed = queue_.begin_submit(found[i], now_).value();
          job.request = queue_.add_start(job.claimed.id, job.claimed.attempt, now_);
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

  void accept(Job& job) {
    log_.answered({job.request, "accepted", 200, {}}, now_, RawBody::dropped);
    const TaskId task{"T%2F" + std::to_string(job.claimed.id.value) + "%3D%3D"};
    queue_.submitted(job.claimed.id, job.claimed.attempt, task, now_);
  }

  void ask(Job& job) {
    job.request = *queue_.begin_poll(job.claimed.id, job.claimed.attempt, now_);
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
    run.key = "s:0123456789abcdef0123456789abcdef";
    run.seq = ++seq_;
    run.submitted_at = now_;
    run_times_.add("default", run);
    log_.answered({job.request, "report", 200, {}}, now_, RawBody::dropped);
    log_.append(job.claimed.id, job.claimed.attempt, lines, now_);
    StatusChange change;
    change.end = JobState::succeeded;
    change.remote_status = "finish";
    change.result = "\"result\"";
    if (!queue_.status_seen(job.claimed.id, job.claimed.attempt, change, now_))
      throw std::runtime_error("a job is gone");
  }

  static constexpr std::size_t rounds = 2; ///< batches between two waits for the disk
  const Options& options_;
  Database& database_;
  JobQueue queue_;
  ResultLog log_;
  QuotaLedger ledger_;
  RunTimes run_times_;
  WallTime now_{std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch())};
  std::vector<Job> jobs_;
  std::int64_t seq_ = 0;
};

int measure(const Options& options) {
  const bench::WorkFolder folder(options.folder);
  Database database(folder.path() / "queue.db");
  {
    bench::QueueFile queue(database.file());
    bench::Jobs jobs;
    jobs.count = options.jobs;
    queue.insert(jobs);
  }
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
      "{\"bench\":\"store\",\"jobs\":%lld,\"user_us_per_job\":%.1f,"
      "\"system_us_per_job\":%.1f,\"disk_bytes_per_job\":%.0f}\n",
      static_cast<long long>(ended), (cpu_us(after.ru_utime) - cpu_us(before.ru_utime)) / jobs,
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
