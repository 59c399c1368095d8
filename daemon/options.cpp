#include "daemon/options.h"

#include "daemon/version.h"

#include <CLI/CLI.hpp>

#include <sstream>

namespace kdq {

namespace {

constexpr auto description =
    "Runs KDocs scripts from a SQLite table: INSERT into `jobs`, read `results` and `job_logs`.";
constexpr auto footer =
    "Options stand after the command and win over the configuration file; --base-url, "
    "--token-file\n"
    "and --tier apply to the app \"default\".\n\n"
    "Exit codes: 0 stopped as asked, 1 cannot start (configuration, database), 2 usage. Of exec "
    "and\n"
    "follow: 0 the job has succeeded, 1 failed or cancelled, 2 nothing was enqueued, 3 "
    "unconfirmed,\n"
    "124 timed out, 128 and its number after a signal.";

void add_options(CLI::App& cli, Options& options) {
  cli.add_option("--config", options.config, "Configuration file (JSON with comments)")
      ->type_name("FILE");
  cli.add_option("--database", options.overrides.database, "The SQLite file of the queue")
      ->type_name("FILE");
  cli.add_option("--base-url", options.overrides.base_url, "Address of the service")
      ->type_name("URL");
  cli.add_option("--token-file", options.overrides.token_file, "File that holds the access token")
      ->type_name("FILE");
  cli.add_option("--tier", options.overrides.tier, "Daily quotas: test or production")
      ->type_name("TIER")
      ->check(CLI::IsMember({"test", "production"}));
}

void add_login_options(CLI::App& command, LoginOptions& login) {
  command.add_option("--app", login.app, "The app, if several have an app_id")->type_name("NAME");
  command.add_flag("--paste", login.paste,
                   "Paste the address instead of listening for the browser");
}

void add_follow_options(CLI::App& command, FollowOptions& follow) {
  command.add_flag("--result", follow.result,
                   "Print the result alone, as JSON; log lines go to stderr");
  command.add_flag("--json", follow.json, "Print a JSON object for each log line and for the end");
}

void add_exec_options(CLI::App& command, ExecOptions& exec) {
  command.add_option("FILE_TOKEN", exec.file_token, "The open_id of the file to run it on")
      ->required();
  command.add_option("SCRIPT", exec.script, "The script's file; - is standard input")->required();
  command.add_option("--app", exec.app, "The configured app that runs it")->type_name("NAME");
  command.add_option("--argv", exec.argv, "A JSON object for Arguments.get()")->type_name("JSON");
  command.add_option("--name", exec.name, "The script's name, for its log lines")
      ->type_name("NAME");
  command.add_option("--timeout", exec.timeout_s, "Give up so many seconds after the start")
      ->type_name("SECONDS");
  command.add_flag("--cancel-on-interrupt", exec.cancel_on_interrupt,
                   "Cancel the job on SIGINT, SIGTERM or SIGHUP");
}

} // namespace

std::variant<Options, EarlyExit> parse_options(int argc, const char* const* argv) {
  Options options;
  CLI::App cli{description, "kdocs-queued"};
  cli.footer(footer);
  cli.set_version_flag("--version", "kdocs-queued " + std::string(version));
  add_options(cli, options);
  cli.require_subcommand(0, 1); // none is refused below, with better words
  cli.fallthrough();
  const auto add_command = [&](const char* name, const char* help, Command command) {
    CLI::App* added = cli.add_subcommand(name, help)->fallthrough();
    added->final_callback([&options, command] { options.command = command; });
    return added;
  };
  add_command("run", "Run jobs until SIGTERM or SIGINT", Command::run);
  add_command("init", "Create the database and exit", Command::init);
  add_command("check", "Say what is wrong, or what would happen", Command::check);
  add_login_options(
      *add_command("login", "Consent to an app's use, and keep its tokens", Command::login),
      options.login);
  add_command("backup", "Copy the queue to a new file; a daemon may be at work on it",
              Command::backup)
      ->add_option("TO", options.file, "The copy to be made")
      ->required();
  add_command("restore", "Put a backup in the place of the queue, whose daemon is stopped",
              Command::restore)
      ->add_option("FROM", options.file, "The backup")
      ->required();
  CLI::App* exec = add_command("exec", "Enqueue a script, and follow it to its end", Command::exec);
  add_exec_options(*exec, options.exec);
  add_follow_options(*exec, options.follow);
  CLI::App* follow = add_command("follow", "Follow a job to its end", Command::follow);
  follow->add_option("ID", options.job.value, "The job's id")->required();
  add_follow_options(*follow, options.follow);

  try {
    cli.parse(argc, argv);
    if (cli.get_subcommands().empty())
      return EarlyExit{exit_usage,
                       "A command is required: run, init, check, login, backup, restore, exec "
                       "or follow\nRun with --help for more information.\n"};
    return options;
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const bool asked_for = cli.exit(error, out, err) == 0;
    return EarlyExit{asked_for ? exit_stopped : exit_usage, out.str() + err.str()};
  }
}

} // namespace kdq
