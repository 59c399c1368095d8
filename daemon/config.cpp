#include "daemon/config.h"

#include "daemon/base_url.h"
#include "daemon/config_value.h"
#include "daemon/notify_config.h"
#include "daemon/url.h"
#include "poller/api/ascii.h"
#include "poller/quota/quota_calendar.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>
#include <utility>

namespace kdq {

namespace fs = std::filesystem;

namespace {

/// The vendor's daily limits for an app that is being tried and for one that was approved
/// (the API's pages "run a script" and "script status").
struct Tier {
  std::string_view name;
  std::int64_t submit_quota;
  std::int64_t status_quota;
};
constexpr Tier tiers[] = {{"test", 500, 10'000}, {"production", 100'000, 1'000'000}};

constexpr std::int64_t quota_max = 1'000'000'000;
// With fewer nothing would ever be started: a task may be asked once too early.
constexpr std::int64_t fewest_starts = 1;
constexpr std::int64_t fewest_polls = 2;
/// A task is believed to stay queryable for a day; a week leaves room for that to be wrong.
constexpr std::int64_t job_timeout_max_s = std::int64_t{7} * 24 * 3600;

/// A limit in days is a slip beyond a hundred years.
constexpr double days_max = 36'500;
/// So is one of bytes that an empty database nearly reaches: it would delete all that has ended.
constexpr std::int64_t max_bytes_min = std::int64_t{1} << 20;
/// With what else a job's row has it stays below what the store takes (store/database.h).
constexpr std::int64_t script_bytes_max = std::int64_t{64} << 20;

/// With which scripts are started, and asked for.
constexpr std::string_view usual_scopes = "access_personal_files,edit_personal_files";
/// The vendor's name for an app: those of approved apps begin with AK, those of others with SX, as
/// far as has been seen.
constexpr std::size_t app_id_max = 128;
constexpr std::string_view approved_app = "AK";

/// One in ten years is none, and a thousand are more than a folder shows.
constexpr std::int64_t backup_every_max_s = std::int64_t{3650} * 86400;
constexpr std::int64_t backups_max = 1000;

/// Where relative paths of a setting begin.
struct Folders {
  fs::path base;
  fs::path credentials;
};

/// One app as it is written, before the tier fills what is missing.
struct AppDraft {
  AppSettings settings;
  std::optional<std::string> tier;
  std::optional<std::int64_t> submit_quota;
  std::optional<std::int64_t> status_quota;
  TokenSource source;
  LoginSettings login{"", std::string(usual_scopes)};
};

/// Tells a setting's reader how to complain, be it in the file or on the command line.
using Complain = std::function<void(const std::string&)>;

/// About a value of the file, which must outlive it.
Complain about(const ConfigValue& value) {
  return [&value](const std::string& sentence) { value.fail(sentence); };
}

const Tier& find_tier(const std::string& name, const Complain& complain) {
  const auto found = std::find_if(std::begin(tiers), std::end(tiers),
                                  [&](const Tier& tier) { return tier.name == name; });
  if (found == std::end(tiers)) {
    complain("must be \"test\" or \"production\", not \"" + name + "\"");
    throw ConfigError("tier"); // complain() does not return
  }
  return *found;
}

std::string checked_base_url(std::string url, const Complain& complain) {
  if (const auto problem = base_url_problem(url))
    complain(*problem);
  while (url.ends_with('/'))
    url.pop_back();
  return url;
}

fs::path checked_path(const std::string& text, const fs::path& base, const Complain& complain) {
  if (text.empty())
    complain("must name a file, not be empty");
  if (text.find('\0') != std::string::npos)
    complain("must name a file, without a NUL character");
  return (base / text).lexically_normal();
}

fs::path token_path(const std::string& text, const Folders& folders, const Complain& complain) {
  fs::path file = checked_path(text, folders.base, complain);
  if (fs::path(text).is_absolute() || folders.credentials.empty())
    return file;
  // Of a folder that LoadCredential= names, systemd loads each file as <credential>_<file>.
  std::string name = fs::path(text).lexically_normal();
  std::replace(name.begin(), name.end(), '/', '_');
  fs::path credential = folders.credentials / name;
  std::error_code ignored;
  return fs::exists(credential, ignored) ? credential : file;
}

std::string checked_status_path(const std::string& text, const Complain& complain) {
  if (!text.starts_with('/') || !is_visible_ascii(text) || text.find_first_of("?#") != text.npos)
    complain("must begin with / and have no spaces, ? or #");
  return text;
}

std::string checked_ca_file(const std::string& text, const Folders& folders,
                            const Complain& complain) {
  const fs::path file = checked_path(text, folders.base, complain);
  if (!std::ifstream(file).good() || fs::is_directory(file))
    complain("the file " + file.string() +
             " cannot be read; it must hold certificates in PEM form");
  return file;
}

std::string checked_app_id(const std::string& text, const Complain& complain) {
  if (text.empty() || text.size() > app_id_max || !is_visible_ascii(text))
    complain("must be the app's id as the vendor shows it: up to 128 characters, no spaces");
  return text;
}

std::string checked_redirect_uri(const std::string& text, const Complain& complain) {
  const auto parsed = parse_url(text);
  const auto* url = std::get_if<Url>(&parsed);
  if (!is_visible_ascii(text) || url == nullptr || !may_carry_token(*url) ||
      !url->fragment.empty() || url->port == "0")
    complain("must be the address that is registered for the app, https, or http to this machine, "
             "such as http://127.0.0.1:18765/callback");
  return text;
}

std::string checked_scopes(const std::string& text, const Complain& complain) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == ',';
  };
  if (text.empty() || !std::all_of(text.begin(), text.end(), allowed))
    complain("must be names joined by commas, such as " + std::string(usual_scopes));
  return text;
}

std::chrono::minutes checked_time_of_day(const std::string& text, const Complain& complain) {
  const auto digit = [&](std::size_t i) {
    return std::isdigit(static_cast<unsigned char>(text[i]));
  };
  const bool shaped =
      text.size() == 5 && digit(0) && digit(1) && text[2] == ':' && digit(3) && digit(4);
  const int hours = shaped ? (text[0] - '0') * 10 + text[1] - '0' : 99;
  const int minutes = shaped ? (text[3] - '0') * 10 + text[4] - '0' : 99;
  if (hours > 23 || minutes > 59)
    complain("must be a time of day as HH:MM, from 00:00 to 23:59, not \"" + text + "\"");
  return std::chrono::hours(hours) + std::chrono::minutes(minutes);
}

std::string checked_timezone(const std::string& name, const Complain& complain) {
  try {
    quota_day(WallTime{}, name, std::chrono::minutes{0});
  } catch (const std::exception&) {
    complain(
        "this system knows no time zone \"" + name +
        "\"; use a name like Asia/Shanghai (`timedatectl list-timezones` prints all; the zones "
        "come with the package tzdata)");
  }
  return name;
}

void read_retention(const ConfigValue& value, RetentionSettings& retention) {
  const auto read_max_bytes = [&](const ConfigValue& v) {
    retention.max_bytes = v.integer(0, std::numeric_limits<std::int64_t>::max());
    if (retention.max_bytes > 0 && retention.max_bytes < max_bytes_min)
      v.fail("must be 0 (no limit) or at least " + std::to_string(max_bytes_min) + " (1 MiB)");
  };
  value.object({
      {"days_ended", [&](auto& v) { retention.days_ended = Days(v.number(0, days_max)); }},
      {"days_logs", [&](auto& v) { retention.days_logs = Days(v.number(0, days_max)); }},
      {"max_bytes", read_max_bytes},
  });
}

/// `1d`, `12h`, `30m`: a number and one of s m h d.
std::chrono::seconds checked_span(const std::string& text, const Complain& complain) {
  constexpr std::pair<char, std::int64_t> units[] = {
      {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
  const auto unit = std::find_if(std::begin(units), std::end(units), [&](const auto& each) {
    return !text.empty() && each.first == text.back();
  });
  std::int64_t number = 0;
  const char* end = text.data() + text.size() - (text.empty() ? 0 : 1);
  const auto read = std::from_chars(text.data(), end, number);
  const bool shaped = unit != std::end(units) && read.ec == std::errc{} && read.ptr == end;
  if (!shaped || number < 0 || number > backup_every_max_s || number * unit->second < 60 ||
      number * unit->second > backup_every_max_s)
    complain("must be a number and one of s, m, h, d, such as \"1d\" or \"30m\", from 1m to "
             "3650d, not \"" +
             text + "\"");
  return std::chrono::seconds(number * unit->second);
}

void read_backup(const ConfigValue& value, const Folders& folders, BackupSettings& backup) {
  value.object({
      {"directory",
       [&](auto& v) {
         // Empty as in the example file: none are made.
         if (const std::string text = v.text(); !text.empty())
           backup.directory = checked_path(text, folders.base, about(v));
       }},
      {"every", [&](auto& v) { backup.every = checked_span(v.text(), about(v)); }},
      {"keep", [&](auto& v) { backup.keep = static_cast<std::size_t>(v.integer(1, backups_max)); }},
  });
}

void read_app(const ConfigValue& value, const Folders& folders, AppDraft& app) {
  AppSettings& s = app.settings;
  const auto read_quota = [&](const ConfigValue& quota) {
    quota.object({
        {"submit",
         [&](const ConfigValue& v) { app.submit_quota = v.integer(fewest_starts, quota_max); }},
        {"status",
         [&](const ConfigValue& v) { app.status_quota = v.integer(fewest_polls, quota_max); }},
    });
  };
  value.object({
      {"tier", [&](auto& v) { app.tier = find_tier(v.text(), about(v)).name; }},
      {"base_url", [&](auto& v) { s.base_url = checked_base_url(v.text(), about(v)); }},
      {"status_path", [&](auto& v) { s.status_path = checked_status_path(v.text(), about(v)); }},
      {"token_file",
       [&](auto& v) { app.source.token_file = token_path(v.text(), folders, about(v)); }},
      {"app_id", [&](auto& v) { s.app_id = checked_app_id(v.text(), about(v)); }},
      {"app_key_file",
       [&](auto& v) { app.source.app_key_file = token_path(v.text(), folders, about(v)); }},
      {"redirect_uri",
       [&](auto& v) { app.login.redirect_uri = checked_redirect_uri(v.text(), about(v)); }},
      {"scopes", [&](auto& v) { app.login.scopes = checked_scopes(v.text(), about(v)); }},
      {"token_store",
       [&](auto& v) { app.source.token_store = checked_path(v.text(), folders.base, about(v)); }},
      {"ca_file",
       [&](auto& v) {
         // Empty as in the example file: the system's certificates.
         if (const std::string text = v.text(); !text.empty())
           s.ca_file = checked_ca_file(text, folders, about(v));
       }},
      {"quota", read_quota},
      {"requests_per_second", [&](auto& v) { s.requests_per_second = v.number(0, 10'000); }},
      {"quota_reset", [&](auto& v) { s.quota_reset = checked_time_of_day(v.text(), about(v)); }},
      {"quota_timezone", [&](auto& v) { s.quota_timezone = checked_timezone(v.text(), about(v)); }},
  });
  const bool keeps_tokens = !s.app_id.empty();
  if (keeps_tokens && !app.source.token_file.empty())
    value.fail("give token_file, if somebody else keeps the token fresh, or app_id, if the daemon "
               "shall: not both");
  if (keeps_tokens && app.source.app_key_file.empty())
    value.fail("app_id needs app_key_file, the file that holds the app's secret");
  if (!keeps_tokens && !(app.source.app_key_file.empty() && app.source.token_store.empty() &&
                         app.login.redirect_uri.empty()))
    value.fail(
        "app_key_file, redirect_uri and token_store need app_id, the app's id at the vendor");
}

void check_app_name(const std::string& name, const ConfigValue& value) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.';
  };
  if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), allowed))
    value.fail("the name of an app must be 1 to 64 letters, digits, _, - or .");
}

std::string read_whole(const fs::path& file) {
  std::error_code ignored; // what cannot be looked at cannot be opened either
  std::ifstream in(file, std::ios::binary);
  if (!in || fs::is_directory(file, ignored))
    throw ConfigError(file.string() + ": the configuration file cannot be read; check that it "
                                      "exists and is readable for this user");
  return {std::istreambuf_iterator<char>(in), {}};
}

using Drafts = std::map<std::string, AppDraft>;

Config read_file(const fs::path& file, const Folders& folders, Drafts& apps) {
  Config config;
  EngineSettings& engine = config.engine;
  const auto document = parse_commented_json(read_whole(file), file.string());
  const auto read_apps = [&](const ConfigValue& value) {
    value.entries([&](const std::string& name, const ConfigValue& app) {
      check_app_name(name, app);
      read_app(app, folders, apps[name]);
    });
  };
  const auto read_log_level = [&](const ConfigValue& v) {
    const auto level = parse_log_level(v.text());
    if (!level)
      v.fail("must be debug, info, warn or error, not \"" + v.text() + "\"");
    config.log_level = *level;
  };
  const auto read_database = [&](const ConfigValue& v) {
    config.database = checked_path(v.text(), folders.base, about(v));
  };
  const auto size = [](std::int64_t value) { return static_cast<std::size_t>(value); };
  ConfigValue(document, file.string(), "")
      .object({
          {"database", read_database},
          {"log_level", read_log_level},
          {"max_running", [&](auto& v) { engine.max_running = size(v.integer(1, 100'000)); }},
          {"max_running_per_file",
           [&](auto& v) { engine.max_running_per_file = size(v.integer(0, 100'000)); }},
          {"job_timeout_s",
           [&](auto& v) {
             engine.job_timeout = std::chrono::seconds(v.integer(1, job_timeout_max_s));
           }},
          {"max_script_bytes",
           [&](auto& v) { engine.max_script_bytes = v.integer(1, script_bytes_max); }},
          {"keep_raw", [&](auto& v) { engine.keep_raw = v.yes_or_no(); }},
          {"retention", [&](auto& v) { read_retention(v, engine.retention); }},
          {"backup", [&](auto& v) { read_backup(v, folders, engine.backup); }},
          {"notify", [&](auto& v) { engine.notify = read_notify(v); }},
          {"apps", read_apps},
      });
  return config;
}

/// Complains about an option of the command line.
Complain about_option(std::string option) {
  return [option = std::move(option)](const std::string& sentence) {
    throw ConfigError(option + ": " + sentence);
  };
}

void apply(const Overrides& overrides, const Folders& folders, AppDraft& app) {
  if (overrides.base_url)
    app.settings.base_url = checked_base_url(*overrides.base_url, about_option("--base-url"));
  if (overrides.tier)
    app.tier = find_tier(*overrides.tier, about_option("--tier")).name;
  if (overrides.token_file) {
    app.source = {};
    app.source.token_file =
        token_path(*overrides.token_file, folders, about_option("--token-file"));
    app.settings.app_id.clear();
  }
}

void add_app(const std::string& name, AppDraft app, const std::optional<fs::path>& file,
             Config& config) {
  const bool approved = app.settings.app_id.starts_with(approved_app);
  const Tier& tier =
      find_tier(app.tier.value_or(approved ? "production" : "test"), about_option("--tier"));
  app.settings.submit_quota = app.submit_quota.value_or(tier.submit_quota);
  app.settings.status_quota = app.status_quota.value_or(tier.status_quota);
  config.tiers.emplace(name, tier.name);
  if (const std::string& app_id = app.settings.app_id; !app_id.empty() && file) {
    app.settings.login =
        "kdocs-queued login --config " + fs::absolute(*file).string() + " --app " + name;
    app.source.app_id = app_id;
    app.source.login = app.settings.login;
    if (app.source.token_store.empty())
      app.source.token_store = config.database.parent_path() / "tokens" / (name + ".json");
    config.logins.emplace(name, std::move(app.login));
  }
  if (!app.source.token_file.empty() || !app.source.token_store.empty())
    config.token_sources.emplace(name, std::move(app.source));
  config.engine.apps.emplace(name, std::move(app.settings));
}

/// What is written into it would be lost, or the other file.
void check_token_stores(const Config& config, const fs::path& file) {
  std::set<fs::path> others{config.database, config.database_name};
  for (const auto& [name, source] : config.token_sources)
    others.insert({source.token_file, source.app_key_file});
  for (const auto& [name, source] : config.token_sources)
    if (const fs::path& store = source.token_store; !store.empty() && !others.insert(store).second)
      throw ConfigError(file.string() + ": apps." + name +
                        ".token_store: is the file of another setting, " + store.string() +
                        "; it must be a file of its own");
}

} // namespace

Config load_config(const std::optional<fs::path>& file, const Overrides& overrides,
                   const fs::path& credentials_directory) {
  Drafts apps;
  Config config;
  if (file) {
    const fs::path absolute = fs::absolute(*file);
    config = read_file(absolute, {absolute.parent_path(), credentials_directory}, apps);
  }
  const Folders here{fs::current_path(), credentials_directory};
  if (overrides.database)
    config.database = checked_path(*overrides.database, here.base, about_option("--database"));
  if (config.database.empty())
    throw ConfigError("no database is named: give the key \"database\" in the configuration file, "
                      "or --database FILE");
  // SQLite keeps its -wal file beside the file that a symbolic link points to, and so must the
  // lock, or two daemons could use one database under two names.
  std::error_code problem;
  const fs::path canonical = fs::weakly_canonical(config.database, problem);
  if (problem)
    throw ConfigError("the database " + config.database.string() +
                      " cannot be looked for: " + problem.message());
  config.database_name = std::exchange(config.database, canonical);

  const bool for_default = overrides.base_url || overrides.tier || overrides.token_file;
  if (for_default || apps.empty())
    apply(overrides, here, apps["default"]);
  for (auto& [name, app] : apps)
    add_app(name, std::move(app), file, config);
  for (const NotifyRule& rule : config.engine.notify)
    if (!rule.app.empty() && !config.engine.apps.contains(rule.app))
      throw ConfigError(std::string("notify: a rule is for the app \"")
                            .append(rule.app)
                            .append("\", which is not configured"));
  if (file)
    check_token_stores(config, fs::absolute(*file));
  return config;
}

void require_token_sources(const Config& config) {
  for (const auto& [name, settings] : config.engine.apps) {
    if (config.token_sources.contains(name))
      continue;
    std::string sentence = "the app \"" + name + "\" has no access token: give the key apps.";
    sentence.append(name).append(".app_id (with app_key_file), or apps.").append(name);
    sentence += ".token_file, in the configuration file";
    sentence += name == "default" ? ", or --token-file FILE" : "";
    throw ConfigError(sentence);
  }
}

} // namespace kdq
