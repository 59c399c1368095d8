#include "tests/sandbox/options.h"

#include <CLI/CLI.hpp>
#include <filesystem>

namespace kdq::sandbox {
namespace {

/// What becomes durations, sizes and the like, as the command line has it.
struct RawValues {
  double max_script_seconds = 300;
  std::size_t max_script_mib = 64;
  std::int64_t task_ttl_seconds = 86400;
  std::int64_t quota_retry_after_seconds = -1;
  std::string shape = "A";
  std::string task_id_at = "data";
  std::string unix_time = "seconds";
  std::optional<std::string> oauth_app;
  std::string oauth_rotate = "yes";
  std::int64_t oauth_expires_in_seconds = 86400;
  std::int64_t oauth_code_ttl_seconds = 300;
  bool oauth_bare_replies = false;
  std::vector<std::string> oauth_seed_tokens;
};

void add_service_options(CLI::App& app, Options& options, RawValues& raw) {
  ServiceSettings& service = options.sandbox.service;
  app.add_option("--token", service.token, "The access token that is accepted")
      ->capture_default_str();
  app.add_option("--quota-submit", service.submit_quota, "Scripts a day")->capture_default_str();
  app.add_option("--quota-status", service.status_quota, "Status requests a day")
      ->capture_default_str();
  app.add_option("--quota-429", raw.quota_retry_after_seconds,
                 "Refuse beyond a quota with HTTP 429 and this Retry-After in seconds");
  app.add_option("--max-running", service.max_running, "Scripts at a time")->capture_default_str();
  app.add_option("--task-ttl", raw.task_ttl_seconds, "Seconds an ended task can be asked for")
      ->capture_default_str();
  app.add_option("--max-script-seconds", raw.max_script_seconds, "Run time limit of a script")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--max-script-mib", raw.max_script_mib, "Memory limit of a script")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--cell", options.sandbox.cells,
                 "A cell's text: FILE_TOKEN:A1=text, or A1=text in all files; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
}

void add_oauth_options(CLI::App& app, RawValues& raw) {
  const CLI::Range life(std::int64_t{0}, std::int64_t{max_token_life.count()});
  auto* oauth_app = app.add_option("--oauth-app", raw.oauth_app,
                                   "Serve the OAuth paths for this app: APP_ID:APP_KEY");
  app.add_option("--oauth-expires-in", raw.oauth_expires_in_seconds,
                 "Seconds an access token is accepted")
      ->check(life)
      ->needs(oauth_app)
      ->capture_default_str();
  app.add_option("--oauth-code-ttl", raw.oauth_code_ttl_seconds,
                 "Seconds an authorization code can be exchanged")
      ->check(life)
      ->needs(oauth_app)
      ->capture_default_str();
  app.add_option("--oauth-rotate", raw.oauth_rotate,
                 "Whether a refresh gives a new refresh token: yes, grace, no, empty")
      ->check(CLI::IsMember({"yes", "grace", "no", "empty"}))
      ->needs(oauth_app)
      ->capture_default_str();
  app.add_flag("--oauth-bare-replies", raw.oauth_bare_replies,
               "Leave open_id and scope out of the replies")
      ->needs(oauth_app);
  app.add_option("--oauth-seed-token", raw.oauth_seed_tokens,
                 "Known at the start: ACCESS:REFRESH:SECONDS; may be repeated")
      ->needs(oauth_app)
      ->take_all()
      ->allow_extra_args(false);
}

void add_style_options(CLI::App& app, Options& options, RawValues& raw) {
  ReplyStyle& style = options.sandbox.style;
  app.add_option("--shape", raw.shape, "Status replies: A wrapped in code and data, B bare")
      ->check(CLI::IsMember({"A", "B"}))
      ->capture_default_str();
  app.add_option("--task-id-key", style.task_id_key, "Name of the task id")
      ->check(CLI::IsMember({"task_id", "taskId"}))
      ->capture_default_str();
  app.add_option("--task-id-at", raw.task_id_at, "Place of the task id")
      ->check(CLI::IsMember({"data", "root"}))
      ->capture_default_str();
  app.add_option("--ended-word", style.ended_word, "Status of an ended script")
      ->check(CLI::IsMember({"finish", "finished"}))
      ->capture_default_str();
  app.add_option("--no-logs", style.no_logs, "What a reply without log lines has as logs")
      ->check(CLI::IsMember({"array", "null", "missing"}))
      ->capture_default_str();
  app.add_option("--unix-time", raw.unix_time, "Unit of the log lines' unix_time")
      ->check(CLI::IsMember({"seconds", "milliseconds"}))
      ->capture_default_str();
}

void add_server_options(CLI::App& app, Options& options) {
  SandboxSettings& sandbox = options.sandbox;
  app.add_option("--host", sandbox.host, "Loopback address to listen on")->capture_default_str();
  app.add_option("--port", sandbox.port, "Port, 0 for any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--port-file", options.port_file, "Write the port to this file");
  app.add_option("--cert", sandbox.certificate_file, "PEM certificate chain: serve https");
  app.add_option("--key", sandbox.key_file, "PEM key of the certificate");
  app.add_option("--threads", sandbox.threads, "Connections served at a time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--ledger", sandbox.ledger_file,
                 "Append what happens to this file, as JSON lines");
  app.add_option("--fault", sandbox.faults,
                 "A fault rule as JSON, as POST /admin/faults takes it; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--fault-seed", sandbox.fault_seed, "Seed of the rules' probabilities")
      ->capture_default_str();
  app.add_option("--engine", sandbox.engine_path,
                 "The script engine (default: kdocs-sandbox-engine beside this program)");
  app.add_flag("--verbose", sandbox.verbose, "Print each request to stderr, without its query");
}

void apply(const RawValues& raw, SandboxSettings& sandbox) {
  using std::chrono::duration;
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  sandbox.limits.run_time =
      std::chrono::duration_cast<milliseconds>(duration<double>(raw.max_script_seconds));
  sandbox.limits.memory_bytes = raw.max_script_mib << 20U;
  sandbox.service.task_ttl = seconds(raw.task_ttl_seconds);
  sandbox.service.unix_time_in_ms = raw.unix_time == "milliseconds";
  sandbox.style.wrapped_status = raw.shape == "A";
  sandbox.style.task_id_in_data = raw.task_id_at == "data";
  if (raw.quota_retry_after_seconds >= 0) {
    sandbox.style.quota_retry_after = seconds(raw.quota_retry_after_seconds);
  }
  if (raw.oauth_app) {
    set_app_from_text(sandbox.oauth, *raw.oauth_app);
  }
  sandbox.oauth.expires_in = seconds(raw.oauth_expires_in_seconds);
  sandbox.oauth.code_ttl = seconds(raw.oauth_code_ttl_seconds);
  sandbox.oauth.rotation = rotation_from(raw.oauth_rotate);
  sandbox.oauth.replies_name_grant = !raw.oauth_bare_replies;
  for (const std::string& seed : raw.oauth_seed_tokens) {
    sandbox.oauth.seeds.push_back(seed_token_from_text(seed));
  }
  if (sandbox.engine_path.empty()) {
    const auto program = std::filesystem::read_symlink("/proc/self/exe");
    sandbox.engine_path = program.parent_path() / "kdocs-sandbox-engine";
  }
}

} // namespace

ParsedOptions parse_options(int argc, const char* const* argv) {
  CLI::App app("A KDocs script service for tests: runs scripts for real, on loopback only.");
  constexpr std::size_t widest_option = 56; // keeps each option's help on one line
  app.get_formatter()->column_width(widest_option);
  Options options;
  RawValues raw;
  add_server_options(app, options);
  add_service_options(app, options, raw);
  add_oauth_options(app, raw);
  add_style_options(app, options, raw);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return {std::nullopt, app.exit(e)};
  }
  apply(raw, options.sandbox);
  return {std::move(options), 0};
}

} // namespace kdq::sandbox
