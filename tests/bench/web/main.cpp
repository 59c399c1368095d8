// web: how long the pages of a large queue take, how much memory the program that makes them has
// then, and how late the daemon's polls are beside many who look at live pages.
//
// Warm: one request after the other. Cold: the program was just started, and the kernel holds no
// page of the database.
#include "tests/bench/common/poll_log.h"
#include "tests/bench/common/program.h"
#include "tests/bench/common/queue_file.h"
#include "tests/bench/common/statistics.h"
#include "tests/bench/web/large_queue.h"

#include <fcntl.h>
#include <httplib.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

namespace {

using namespace kdq::bench;
using namespace std::chrono_literals;

struct Options : CommonOptions {
  std::string web;
  std::int64_t jobs = 1'000'000;
  std::int64_t lines_each = 10;
  int requests = 20;
  int followers = 50;
  std::int64_t tasks = 100;
  int seconds = 20;
};

constexpr std::int64_t running_after_s = 10; ///< the tasks have all been started then
constexpr std::int64_t bytes_of_a_megabyte = 1'000'000;

/// The running kdocs-queued-web.
class Pages {
public:
  Pages(const Options& options, const Stage& stage) {
    const auto port_file = stage.folder() / "web_port";
    std::filesystem::remove(port_file);
    process_ = std::make_unique<Process>(
        std::vector<std::string>{options.web, "--database", stage.database().string(), "--listen",
                                 "127.0.0.1:0", "--port-file", port_file.string()},
        stage.folder() / "web.log");
    wait_for("the pages", [&] { return !read_text(port_file).empty(); });
    port_ = std::stoi(read_text(port_file));
  }

  int port() const { return port_; }
  /// Milliseconds until the whole page was there. Throws std::runtime_error if it was none.
  double time_of(httplib::Client& client, const std::string& path) const {
    const std::int64_t began = monotonic_ns();
    const auto answer = client.Get(path);
    if (!answer || answer->status != 200)
      throw std::runtime_error("no page " + path + ": " +
                               (answer ? std::to_string(answer->status) : "no answer"));
    return static_cast<double>(monotonic_ns() - began) / 1e6;
  }
  double time_of(const std::string& path) const {
    httplib::Client client("127.0.0.1", port_);
    return time_of(client, path);
  }
  /// VmRSS of proc(5), in megabytes.
  double memory_mb() const {
    std::ifstream status("/proc/" + std::to_string(process_->id()) + "/status");
    for (std::string word; status >> word;)
      if (word == "VmRSS:") {
        std::int64_t kib = 0;
        status >> kib;
        return static_cast<double>(kib * 1024) / static_cast<double>(bytes_of_a_megabyte);
      }
    throw std::runtime_error("the pages have ended");
  }

private:
  std::unique_ptr<Process> process_;
  int port_ = 0;
};

/// The kernel forgets what it holds of a file that is wholly on disk.
void forget(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  ::fsync(fd);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  ::close(fd);
}

std::vector<std::string> paths(const Options& options) {
  const std::string job = std::to_string(options.jobs / 2);
  const std::string failed = std::to_string(options.jobs / 40 * 20);
  return {"/",
          "/jobs",
          "/jobs?state=failed",
          "/jobs?script=script-7",
          "/jobs?file=file-7",
          "/jobs?error=row+3",
          "/jobs?batch=7",
          "/jobs/" + job,
          "/jobs/" + failed,
          "/schedules",
          "/batches",
          "/apps",
          "/failures",
          "/unconfirmed",
          "/insights"};
}

nlohmann::json measure_pages(const Options& options, const Stage& stage) {
  nlohmann::json all;
  const Pages warm(options, stage);
  httplib::Client client("127.0.0.1", warm.port());
  client.set_keep_alive(true);
  for (const std::string& path : paths(options)) {
    std::vector<double> cold_ms;
    for (int i = 0; i < options.requests; ++i) {
      const Pages fresh(options, stage);
      forget(stage.database());
      cold_ms.push_back(fresh.time_of(path));
    }
    std::vector<double> warm_ms;
    warm.time_of(client, path);
    for (int i = 0; i < options.requests; ++i)
      warm_ms.push_back(warm.time_of(client, path));
    all[path] = {{"warm_ms", rounded(median(warm_ms), 1)},
                 {"warm_max_ms", rounded(percentile(warm_ms, 1), 1)},
                 {"cold_ms", rounded(median(cold_ms), 1)},
                 {"cold_max_ms", rounded(percentile(cold_ms, 1), 1)}};
  }
  return {{"pages", all}, {"memory_mb", rounded(warm.memory_mb(), 1)}};
}

/// Many who look at live pages until this goes.
class Followers {
public:
  Followers(int port, int count, const std::vector<std::string>& pages) {
    for (int i = 0; i < count; ++i)
      threads_.emplace_back([this, port, page = pages[static_cast<std::size_t>(i) % pages.size()]] {
        httplib::Client client("127.0.0.1", port);
        client.set_read_timeout(60s);
        client.Get(("/live?page=" + httplib::detail::encode_query_param(page)).c_str(),
                   [this](const char*, std::size_t size) {
                     bytes_ += size;
                     return !ending_;
                   });
      });
  }
  ~Followers() {
    ending_ = true;
    for (std::thread& thread : threads_)
      thread.join();
  }
  std::uint64_t bytes() const { return bytes_; }

private:
  std::atomic<bool> ending_ = false;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::vector<std::thread> threads_;
};

/// How late the polls were that were due in this span.
nlohmann::json lateness(const std::map<std::int64_t, std::vector<Poll>>& polls,
                        std::int64_t from_ns, std::int64_t to_ns) {
  std::vector<double> late_ms;
  for (const auto& [job, times] : polls)
    for (const Poll& poll : times)
      if (poll.due_ns >= from_ns && poll.due_ns < to_ns)
        late_ms.push_back(static_cast<double>(poll.taken_ns - poll.due_ns) / 1e6);
  return {{"polls", late_ms.size()},
          {"late_ms", rounded(median(late_ms), 1)},
          {"late_p99_ms", rounded(percentile(late_ms, 0.99), 1)},
          {"late_max_ms", rounded(percentile(late_ms, 1), 1)}};
}

nlohmann::json measure_followers(const Options& options, const Stage& stage) {
  const Service service(stage.folder(), endless());
  QueueFile queue(stage.database());
  Jobs tasks;
  tasks.count = options.tasks;
  queue.insert(tasks);
  Daemon daemon(stage, service.base_url());
  const Pages pages(options, stage);
  std::this_thread::sleep_for(std::chrono::seconds(running_after_s));
  const std::int64_t alone_ns = monotonic_ns();
  std::this_thread::sleep_for(std::chrono::seconds(options.seconds));
  std::int64_t beside_ns = 0;
  std::int64_t end_ns = 0;
  double memory_mb = 0;
  std::uint64_t bytes = 0;
  {
    const std::string task = "/jobs/" + std::to_string(options.jobs + 1);
    const Followers followers(pages.port(), options.followers, {"/", "/jobs", task, "/apps"});
    beside_ns = monotonic_ns();
    std::this_thread::sleep_for(std::chrono::seconds(options.seconds));
    end_ns = monotonic_ns();
    memory_mb = pages.memory_mb();
    bytes = followers.bytes();
  }
  daemon.stop();
  const auto polls = polls_in(stage.log());
  return {{"followers", options.followers},
          {"alone", lateness(polls, alone_ns, beside_ns)},
          {"beside", lateness(polls, beside_ns, end_ns)},
          {"followers_kb", bytes / 1000},
          {"memory_mb", rounded(memory_mb, 1)}};
}

nlohmann::json measure(const Options& options) {
  DaemonOptions daemon;
  daemon.program = options.daemon;
  daemon.max_running = static_cast<std::size_t>(options.tasks);
  daemon.max_running_per_file = 0;
  daemon.log_level = "debug";
  const Stage stage(options.folder, daemon);
  const std::int64_t began = monotonic_ns();
  fill_with_ended_jobs(stage.database(), options.jobs, options.lines_each);
  const double fill_s = static_cast<double>(monotonic_ns() - began) / 1e9;
  const nlohmann::json pages = measure_pages(options, stage);
  const nlohmann::json followers = measure_followers(options, stage);
  return {{"bench", "web"},
          {"jobs", options.jobs},
          {"lines", options.jobs * options.lines_each},
          {"database_mb", std::filesystem::file_size(stage.database()) / bytes_of_a_megabyte},
          {"fill_s", rounded(fill_s, 0)},
          {"requests", options.requests},
          {"pages", pages.at("pages")},
          {"memory_mb", pages.at("memory_mb")},
          {"live", followers}};
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"How long the pages of a large queue take, and what those who look cost the daemon",
               "web"};
  options.add_to(cli);
  cli.add_option("--web", options.web, "path of kdocs-queued-web")->required();
  cli.add_option("--jobs", options.jobs)->check(CLI::PositiveNumber)->capture_default_str();
  cli.add_option("--lines", options.lines_each, "log lines of each job")->capture_default_str();
  cli.add_option("--requests", options.requests, "for each page, cold and warm")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cli.add_option("--followers", options.followers, "who look at live pages")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  cli.add_option("--tasks", options.tasks, "that run meanwhile")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cli.add_option("--seconds", options.seconds, "without followers, and with them")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  return run_benchmark(cli, argc, argv, [&] { return measure(options); });
}
