// courtesy: how often the plain sqlite3 program finds the database locked because of the daemon.
// It INSERTs, one process after the other, jobs on a file that is taken, so that they cause no
// work; the daemon works on other jobs meanwhile.
#include "tests/bench/common/program.h"
#include "tests/bench/common/queue_file.h"
#include "tests/bench/common/running_tasks.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstring>
#include <fstream>
#include <thread>

extern char** environ; // posix_spawn(3)

namespace {

using namespace kdq::bench;
using namespace std::chrono_literals;

struct Options : CommonOptions {
  int inserts = 1'000;
  std::string load = "steady";
  double jobs_per_s = 12.5;
  std::int64_t drain_jobs = 100'000;
  bool timeout = false;
  std::string shell = "/usr/bin/sqlite3";
};

// The load of `steady` waits in the queue with a run_at each: first they have to be set aside.
constexpr double load_begins_s = 8;
constexpr char taken_file[] = "taken";
constexpr int locked_exit_code = 5; // SQLITE_BUSY; sqlite3 ends with the error's code

/// The exit code of one sqlite3 process with one INSERT.
int insert_by_shell(const Options& options, const std::string& database) {
  std::vector<std::string> words{options.shell};
  if (options.timeout)
    words.insert(words.end(), {"-cmd", ".timeout 10000"});
  words.insert(words.end(),
               {database, std::string("INSERT INTO jobs(file_token, script) VALUES('") +
                              taken_file + "', '1')"});
  std::vector<char*> argv;
  for (std::string& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  const int error = posix_spawn(&child, argv[0], &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0)
    throw std::runtime_error("cannot run " + options.shell + ": " + std::strerror(error));
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// How many transactions the database has seen: the change counter of the index of the log
/// (sqlite.org/walformat.html §2.2), modulo 2^32. Only for a process without a connection to it:
/// closing the file would take SQLite's locks away.
std::uint32_t commits(const std::filesystem::path& database) {
  std::uint32_t count = 0;
  std::ifstream in(database.string() + "-shm", std::ios::binary);
  in.seekg(8);
  in.read(reinterpret_cast<char*>(&count), sizeof count);
  return count;
}

void enqueue(const Options& options, const Stage& stage) {
  Jobs load;
  if (options.load == "drain") {
    load.count = options.drain_jobs;
  } else if (options.load == "steady") {
    load.count = static_cast<std::int64_t>(options.jobs_per_s * (60 + 0.02 * options.inserts));
    load.first_run_at_s = load_begins_s;
    load.run_at_step_s = 1 / options.jobs_per_s;
  }
  // One runs, and one is first in line: all further ones stand behind it.
  Jobs running;
  running.count = 1;
  running.file = taken_file;
  add_running_tasks(stage, running, 6h);
  Jobs first;
  first.count = 1;
  first.file = taken_file;
  first.priority = -1;
  QueueFile queue(stage.database());
  queue.insert(first);
  queue.insert(load);
}

nlohmann::json measure(const Options& options) {
  DaemonOptions daemon;
  daemon.program = options.daemon;
  daemon.max_running = 10'000;
  daemon.log_level = "warn";
  Stage stage(options.folder, daemon);
  Service service(stage.folder());
  enqueue(options, stage);
  const std::int64_t prepared = monotonic_ns();
  Daemon program(stage, service.base_url());
  const auto warm_up =
      std::chrono::duration<double>(options.load == "steady" ? load_begins_s + 1 : 1);
  std::this_thread::sleep_for(warm_up - std::chrono::nanoseconds(monotonic_ns() - prepared));

  const std::uint32_t before = commits(stage.database());
  const std::int64_t begin = monotonic_ns();
  int tried = 0;
  int locked = 0;
  for (; tried < options.inserts; ++tried) {
    const int code = insert_by_shell(options, stage.database());
    if (code != 0 && code != locked_exit_code)
      throw std::runtime_error("sqlite3 ended with " + std::to_string(code));
    locked += code == locked_exit_code ? 1 : 0;
  }
  const double seconds = static_cast<double>(monotonic_ns() - begin) / 1e9;
  const double all_commits = commits(stage.database()) - before;
  const double queued =
      QueueFile(stage.database()).number("SELECT count(*) FROM jobs WHERE state = 'queued'");
  program.stop();
  const double waiting = queued - (tried - locked) - 1;
  if (options.load != "none" && waiting <= 0)
    throw std::runtime_error("the daemon ran out of work before the end: give it more");
  return {{"bench", "courtesy"},
          {"load", options.load},
          {"timeout", options.timeout},
          {"inserts", tried},
          {"locked", locked},
          {"locked_percent", rounded(100.0 * locked / tried, 3)},
          {"daemon_commits_per_s", rounded((all_commits - (tried - locked)) / seconds, 1)},
          {"inserts_per_s", rounded(tried / seconds, 1)}};
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"How often the plain sqlite3 finds the database locked", "courtesy"};
  options.add_to(cli);
  cli.add_option("--inserts", options.inserts)->check(CLI::PositiveNumber)->capture_default_str();
  cli.add_option("--load", options.load,
                 "of the daemon: none, steady (--jobs-per-s) or drain (--drain-jobs at full speed)")
      ->check(CLI::IsMember({"none", "steady", "drain"}))
      ->capture_default_str();
  cli.add_option("--jobs-per-s", options.jobs_per_s, "a job takes about four commits")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cli.add_option("--drain-jobs", options.drain_jobs, "must last to the end")->capture_default_str();
  cli.add_flag("--timeout", options.timeout, "sqlite3 waits for locks, as the README advises");
  cli.add_option("--shell", options.shell)->capture_default_str();
  return run_benchmark(cli, argc, argv, [&] { return measure(options); });
}
