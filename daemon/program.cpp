#include "daemon/program.h"

#include "daemon/app.h"
#include "daemon/backup_commands.h"
#include "daemon/check.h"
#include "daemon/exec_command.h"
#include "daemon/login.h"
#include "daemon/options.h"
#include "daemon/system_clock.h"
#include "store/base/descriptors.h"
#include "store/base/file_io.h"
#include "store/base/unique_fd.h"
#include "store/database.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>

namespace kdq {

namespace {

/// Where systemd puts LoadCredential= files; empty if there are none.
std::filesystem::path credentials_directory() {
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  return folder == nullptr ? "" : folder;
}

/// Access tokens are in this memory, and pass through TLS: neither a core dump nor a key log, which
/// libcurl would write if the environment asked for it, may hold them.
void keep_secrets_in_memory() {
  constexpr rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  // A handler that the kernel pipes dumps to gets one in spite of that limit: an empty one.
  if (const UniqueFd filter{::open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC)})
    write_all(filter.get(), "0");
  unsetenv("SSLKEYLOGFILE");
}

/// For those who look into the database.
void leave_word(const Config& config, const std::string& reason) {
  try {
    const InstanceLock lock(config.database);
    Database::note_stop(config.database, reason, SystemClock().wall());
  } catch (const LockError&) {
    // Another one works on it by now.
  }
}

void work(const Config& config, const std::filesystem::path& credentials, Log& log,
          const std::function<Config()>& read_config) {
  try {
    App(config, credentials, log, read_config).run();
  } catch (const LockError&) {
    throw; // the database is another one's
  } catch (const StoreBroken&) {
    throw;
  } catch (const StoreUnavailable&) {
    throw;
  } catch (const std::exception& error) {
    leave_word(config, error.what());
    throw;
  }
}

int init(const Config& config) {
  const InstanceLock lock(config.database);
  Database::complete(config.database);
  const Database database(config.database);
  std::cout << "The database " << config.database.string() << " is ready.\n";
  return exit_stopped;
}

int execute(const Options& options) {
  const auto credentials = credentials_directory();
  const Config config = load_config(options.config, options.overrides, credentials);
  if (options.command == Command::init)
    return init(config);
  if (options.command == Command::backup)
    return back_up(config, options.file, std::cout), exit_stopped;
  if (options.command == Command::restore)
    return restore(config, options.file, std::cout), exit_stopped;
  if (options.command == Command::exec)
    return exec_script(config, options.exec, options.follow, std::cout, std::cerr);
  if (options.command == Command::follow)
    return follow_job(config, options.job, options.follow, std::cout, std::cerr);
  require_token_sources(config);
  if (options.command == Command::login) {
    login(config, credentials, options.login, std::cin, std::cout);
    return exit_stopped;
  }
  if (options.command == Command::check)
    return check(config, credentials, std::cout) ? exit_stopped : exit_cannot_start;
  Log log(detect_log_style(STDERR_FILENO), config.log_level);
  work(config, credentials, log, [&] {
    Config again = load_config(options.config, options.overrides, credentials);
    require_token_sources(again);
    return again;
  });
  return exit_stopped;
}

/// As a log line where a log is expected, as a plain sentence where a person typed a command.
void print_error(const Options& options, const std::string& sentence) {
  const LogStyle style = detect_log_style(STDERR_FILENO);
  if (options.command == Command::run || style == LogStyle::journal)
    Log(style, LogLevel::error).write(LogLevel::error, sentence);
  else
    std::cerr << "kdocs-queued: " << sentence << '\n';
}

} // namespace

int run_program(int argc, const char* const* argv) {
  keep_secrets_in_memory();
  raise_descriptor_limit();
  const auto parsed = parse_options(argc, argv);
  if (const auto* early = std::get_if<EarlyExit>(&parsed)) {
    (early->code == exit_stopped ? std::cout : std::cerr) << early->text;
    return early->code;
  }
  const auto& options = std::get<Options>(parsed);
  try {
    return execute(options);
  } catch (const std::exception& error) {
    print_error(options, error.what());
    const bool is_client = options.command == Command::exec || options.command == Command::follow;
    return is_client ? exit_usage : exit_cannot_start; // 1 says that a job has failed
  }
}

} // namespace kdq
