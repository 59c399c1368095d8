#include "daemon/config.h"

#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <sstream>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

Overrides with_database() {
  Overrides overrides;
  overrides.database = "/nowhere/queue.db";
  return overrides;
}

/// The sentence that a configuration text is refused with; empty if it is accepted.
std::string refusal(const std::string& text) {
  const TempDir dir;
  const auto file = dir.file("c.json", text);
  try {
    load_config(file, with_database());
  } catch (const ConfigError& error) {
    const std::string what = error.what();
    CHECK_MESSAGE(what.starts_with(file.string() + ": "), what);
    return what.substr(std::min(what.size(), file.string().size() + 2));
  }
  return "";
}

Config loaded(const std::string& text, const Overrides& overrides = with_database()) {
  const TempDir dir;
  return load_config(dir.file("c.json", text), overrides);
}

} // namespace

TEST_CASE(
    "without a file the command line alone makes a configuration with the documented defaults") {
  Overrides overrides = with_database();
  overrides.token_file = "/etc/token";
  const Config config = load_config(std::nullopt, overrides);
  CHECK(config.database == "/nowhere/queue.db");
  CHECK(config.log_level == LogLevel::info);
  CHECK(config.engine.max_running == 100);
  CHECK(config.engine.max_running_per_file == 1);
  CHECK(config.engine.job_timeout == 1800s);
  CHECK_FALSE(config.engine.keep_raw);
  CHECK(config.engine.retention.days_ended.count() == 0);
  CHECK(config.engine.retention.days_logs.count() == 0);
  CHECK(config.engine.retention.max_bytes == 0);
  CHECK(config.engine.backup.directory.empty());
  CHECK(config.engine.backup.every == 24h);
  CHECK(config.engine.backup.keep == 7);
  REQUIRE(config.engine.apps.size() == 1);
  const AppSettings& app = config.engine.apps.at("default");
  CHECK(app.base_url == "https://developer.kdocs.cn");
  CHECK(app.submit_quota == 500);
  CHECK(app.status_quota == 10'000);
  CHECK(app.requests_per_second == 10);
  CHECK(app.quota_reset == 0min);
  CHECK(app.quota_timezone == "Asia/Shanghai");
  CHECK(config.token_sources.at("default").token_file == "/etc/token");
  CHECK(config.tiers.at("default") == "test");
}

TEST_CASE("the command line wins over the file and reaches only the app default") {
  Overrides overrides = with_database();
  overrides.base_url = "http://127.0.0.1:1/";
  overrides.tier = "production";
  overrides.token_file = "/t";
  const Config config = loaded(
      R"({"database": "other.db", "apps": {"default": {"tier": "test", "base_url": "https://a.example"},
          "second": {"tier": "test", "base_url": "https://b.example"}}})",
      overrides);
  CHECK(config.database == "/nowhere/queue.db");
  CHECK(config.engine.apps.at("default").base_url == "http://127.0.0.1:1");
  CHECK(config.engine.apps.at("default").submit_quota == 100'000);
  CHECK(config.engine.apps.at("default").status_quota == 1'000'000);
  CHECK(config.engine.apps.at("second").base_url == "https://b.example");
  CHECK(config.engine.apps.at("second").submit_quota == 500);
  CHECK_FALSE(config.token_sources.contains("second"));
}

TEST_CASE("every key of the file is taken, comments included") {
  const TempDir dir;
  const auto ca = dir.file("ca.pem", "x");
  const Config config = load_config(dir.file("c.json", R"(// first line
{ /* all of it */
  "database": "queue.db", "log_level": "debug", "max_running": 7, "max_running_per_file": 0,
  "job_timeout_s": 60, "max_script_bytes": 1000, "keep_raw": true,
  "retention": { "days_ended": 90, "days_logs": 0.5, "max_bytes": 5000000000 },
  "notify": [{"on": ["failed"], "command": ["/bin/tell"]}],
  "apps": { "a.b-c_1": { "tier": "production", "base_url": "https://x.example/",
    "status_path": "/s", "token_file": "tok", "ca_file": "ca.pem",
    "quota": {"submit": 3, "status": 4}, "requests_per_second": 0.5,
    "quota_reset": "23:59", "quota_timezone": "Europe/Berlin" } } })"),
                                    {});
  CHECK(config.database == dir / "queue.db");
  CHECK(config.log_level == LogLevel::debug);
  CHECK(config.engine.max_running == 7);
  CHECK(config.engine.max_running_per_file == 0);
  CHECK(config.engine.job_timeout == 60s);
  CHECK(config.engine.max_script_bytes == 1000);
  CHECK(config.engine.keep_raw);
  CHECK(config.engine.retention.days_ended == Days(90));
  CHECK(config.engine.retention.days_logs == 12h);
  CHECK(config.engine.retention.max_bytes == 5'000'000'000);
  CHECK(config.engine.notify.size() == 1);
  REQUIRE(config.engine.apps.size() == 1);
  const AppSettings& app = config.engine.apps.at("a.b-c_1");
  CHECK(app.base_url == "https://x.example");
  CHECK(app.status_path == "/s");
  CHECK(app.ca_file == ca);
  CHECK(app.submit_quota == 3);
  CHECK(app.status_quota == 4);
  CHECK(app.requests_per_second == 0.5);
  CHECK(app.quota_reset == 23h + 59min);
  CHECK(app.quota_timezone == "Europe/Berlin");
  CHECK(config.token_sources.at("a.b-c_1").token_file == dir / "tok");
}

TEST_CASE("a quota that is written out wins over the tier, wherever the tier comes from") {
  Overrides overrides = with_database();
  overrides.tier = "production";
  const Config config = loaded(R"({"apps": {"default": {"quota": {"submit": 9}}}})", overrides);
  CHECK(config.engine.apps.at("default").submit_quota == 9);
  CHECK(config.engine.apps.at("default").status_quota == 1'000'000);
}

TEST_CASE("each mistake in the file is refused with a sentence that names the key") {
  struct Row {
    std::string text;
    std::string sentence; ///< the beginning of it
  };
  const Row rows[] = {
      {R"({"databse": "x"})", R"(databse: no such key; did you mean "database"?)"},
      {R"({"max_runing": 5})", R"(max_runing: no such key; did you mean "max_running"?)"},
      {R"({"apps": {"a": {"tokn_file": "x"}}})",
       R"(apps.a.tokn_file: no such key; did you mean "token_file"?)"},
      {R"({"apps": {"a": {"quota": {"sumbit": 1}}}})",
       R"(apps.a.quota.sumbit: no such key; did you mean "submit"?)"},
      {R"({"zzzzzzzzzzzzzz": 1})",
       "zzzzzzzzzzzzzz: no such key; known here: database, log_level, "},
      {R"([])", "must be an object in braces, not a list"},
      {R"({"apps": []})", "apps: must be an object in braces, not a list"},
      {R"({"apps": {"a": null}})", "apps.a: must be an object in braces, not null"},
      {R"({"database": 5})", "database: must be a text in quotes, not 5"},
      {R"({"database": ""})", "database: must name a file, not be empty"},
      {R"({"log_level": "loud"})", R"(log_level: must be debug, info, warn or error, not "loud")"},
      {R"({"max_running": 0})", "max_running: must be a whole number from 1 to 100000, not 0"},
      {R"({"max_running": -1})", "max_running: must be a whole number from 1 to 100000, not -1"},
      {R"({"max_running": 1.5})", "max_running: must be a whole number from 1 to 100000, not 1.5"},
      {R"({"max_running": 18446744073709551615})",
       "max_running: must be a whole number from 1 to "},
      {R"({"max_running": "7"})",
       R"(max_running: must be a whole number from 1 to 100000, not the text "7")"},
      {R"({"max_running_per_file": -1})",
       "max_running_per_file: must be a whole number from 0 to "},
      {R"({"job_timeout_s": 0})", "job_timeout_s: must be a whole number from 1 to "},
      {R"({"max_script_bytes": 67108865})",
       "max_script_bytes: must be a whole number from 1 to 67108864, not 67108865"},
      {R"({"keep_raw": 1})", "keep_raw: must be true or false, not 1"},
      {R"({"retention": 30})", "retention: must be an object in braces, not 30"},
      {R"({"retention": {"day_logs": 30}})",
       R"(retention.day_logs: no such key; did you mean "days_logs"?)"},
      {R"({"retention": {"days_ended": -1}})",
       "retention.days_ended: must be a number from 0.0 to 36500.0, not -1"},
      {R"({"retention": {"days_logs": "7"}})",
       R"(retention.days_logs: must be a number from 0.0 to 36500.0, not the text "7")"},
      {R"({"retention": {"max_bytes": -1}})",
       "retention.max_bytes: must be a whole number of 0 or more, not -1"},
      {R"({"retention": {"max_bytes": 10}})",
       "retention.max_bytes: must be 0 (no limit) or at least 1048576 (1 MiB)"},
      {R"({"apps": {"a": {"tier": "gold"}}})",
       R"(apps.a.tier: must be "test" or "production", not "gold")"},
      {R"({"apps": {"a": {"base_url": "http://developer.kdocs.cn"}}})",
       "apps.a.base_url: must begin with https://"},
      {R"({"apps": {"a": {"status_path": "status"}}})", "apps.a.status_path: must begin with /"},
      {R"({"apps": {"a": {"token_file": ""}}})", "apps.a.token_file: must name a file"},
      {R"({"apps": {"a": {"token_file": "x\u0000y"}}})", "apps.a.token_file: must name a file"},
      {R"({"apps": {"a": {"app_id": "x y"}}})", "apps.a.app_id: must be the app's id"},
      {R"({"apps": {"a": {"app_id": "x"}}})", "apps.a: app_id needs app_key_file"},
      {R"({"apps": {"a": {"app_key_file": "k"}}})", "apps.a: app_key_file, redirect_uri and "},
      {R"({"apps": {"a": {"app_id": "x", "app_key_file": "k", "token_file": "t"}}})",
       "apps.a: give token_file, if somebody else keeps the token fresh, or app_id"},
      {R"({"apps": {"a": {"redirect_uri": "http://example.org/back"}}})",
       "apps.a.redirect_uri: must be the address that is registered for the app"},
      {R"({"apps": {"a": {"redirect_uri": "http://127.0.0.1:0/back"}}})",
       "apps.a.redirect_uri: must be the address that is registered for the app"},
      {R"({"apps": {"a": {"scopes": "a b"}}})", "apps.a.scopes: must be names joined by commas"},
      {R"({"apps": {"a": {"token_store": ""}}})", "apps.a.token_store: must name a file"},
      {R"({"apps": {"a": {"ca_file": "/nowhere/ca.pem"}}})",
       "apps.a.ca_file: the file /nowhere/ca.pem cannot be read"},
      {R"({"apps": {"a": {"quota": {"submit": -1}}}})",
       "apps.a.quota.submit: must be a whole number"},
      {R"({"apps": {"a": {"quota": 5}}})", "apps.a.quota: must be an object in braces, not 5"},
      {R"({"apps": {"a": {"requests_per_second": -1}}})",
       "apps.a.requests_per_second: must be a number from 0.0 to 10000.0, not -1"},
      {R"({"apps": {"a": {"quota_reset": "24:00"}}})",
       R"(apps.a.quota_reset: must be a time of day as HH:MM, from 00:00 to 23:59, not "24:00")"},
      {R"({"apps": {"a": {"quota_reset": "7:30"}}})", "apps.a.quota_reset: must be a time of day"},
      {R"({"apps": {"a": {"quota_timezone": "Asia/Beijing"}}})",
       R"(apps.a.quota_timezone: this system knows no time zone "Asia/Beijing")"},
      {R"({"apps": {"a b": {}}})", "apps.a b: the name of an app must be"},
      {R"({"apps": {"": {}}})", "apps.: the name of an app must be"},
      {R"({"database": "a", "database": "b"})", R"(the key "database" stands twice)"},
      {R"({"apps": {"a": {"tier": "test", "tier": "test"}}})", R"(the key "tier" stands twice)"},
      {"{\n\"database\": }", "this is not JSON: parse error at line 2"},
      {"{} {}", "this is not JSON: "},
      {"", "this is not JSON: "},
      {"{\"database\": \"\xff\"}", "this is not JSON: "},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const std::string sentence = refusal(row.text);
    CHECK_MESSAGE(sentence.starts_with(row.sentence), sentence);
  }
}

TEST_CASE("two apps may use the same key, once each") {
  CHECK(refusal(R"({"apps": {"a": {"tier": "test"}, "b": {"tier": "test"}}})").empty());
}

TEST_CASE("a folder in the file's place is named") {
  const TempDir dir;
  CHECK_THROWS_WITH_AS(load_config(dir.path(), {}),
                       doctest::Contains("the configuration file cannot be read"), ConfigError);
}

TEST_CASE("a token store has one app, and is no other file of the configuration") {
  const auto with = [](const std::string& a, const std::string& b) {
    return refusal(R"({"apps": {
      "a": {"app_id": "AK1", "app_key_file": "k", "token_store": ")" +
                   a + R"("},
      "b": {"app_id": "AK1", "app_key_file": "k", "token_store": ")" +
                   b + R"("}}})");
  };
  CHECK(with("a.json", "b.json").empty());
  CHECK(with("a.json", "./x/../a.json").starts_with("apps.b.token_store: is the file of another "));
  CHECK(with("a.json", "/nowhere/queue.db")
            .starts_with("apps.b.token_store: is the file of another "));
  CHECK(with("k", "b.json").starts_with("apps.a.token_store: is the file of another "));
}

TEST_CASE("a file that does not exist is named") {
  CHECK_THROWS_WITH_AS(load_config("/nowhere/c.json", {}),
                       doctest::Contains("/nowhere/c.json: the configuration file cannot be read"),
                       ConfigError);
}

TEST_CASE("without a database the repair is named") {
  CHECK_THROWS_WITH_AS(load_config(std::nullopt, {}), doctest::Contains("--database"), ConfigError);
}

TEST_CASE("a database whose name no file can have is named") {
  Overrides overrides;
  overrides.database = "/" + std::string(300, 'a') + "/queue.db";
  CHECK_THROWS_WITH_AS(load_config(std::nullopt, overrides), doctest::Contains("the database /aaa"),
                       ConfigError);
}

TEST_CASE("a mistake on the command line names the option") {
  Overrides overrides = with_database();
  overrides.base_url = "http://example.com";
  CHECK_THROWS_WITH_AS(load_config(std::nullopt, overrides),
                       doctest::Contains("--base-url: must begin"), ConfigError);
}

TEST_CASE(
    "an app without a token file is refused where one is needed, with both ways to give one") {
  const Config config = load_config(std::nullopt, with_database());
  CHECK_THROWS_WITH_AS(require_token_sources(config), doctest::Contains("apps.default.token_file"),
                       ConfigError);
  CHECK_THROWS_WITH_AS(require_token_sources(config), doctest::Contains("--token-file"),
                       ConfigError);
}

TEST_CASE("a relative token file is a systemd credential if there is one of that name") {
  const TempDir config_dir;
  const TempDir credentials;
  const auto found = [&](const std::string& name) {
    const auto file =
        config_dir.file("c.json", R"({"apps": {"default": {"token_file": ")" + name + R"("}}})");
    return load_config(file, with_database(), credentials.path())
        .token_sources.at("default")
        .token_file;
  };
  CHECK(found("secrets/token") == config_dir / "secrets/token");
  credentials.file("secrets_token", "t");
  CHECK(found("secrets/token") == credentials / "secrets_token");
  CHECK(found("./secrets//token") == credentials / "secrets_token");
  CHECK(found("secrets/other") == config_dir / "secrets/other");
  CHECK(found("/secrets/token") == "/secrets/token");
  credentials.file("token", "t");
  CHECK(found("token") == credentials / "token");
}

TEST_CASE("a symbolic link to the database is followed, so that its folder is the real one") {
  const TempDir dir;
  fs::create_directory(dir / "real");
  std::ofstream(dir / "real/queue.db");
  fs::create_symlink(dir / "real/queue.db", dir / "link.db");
  Overrides overrides;
  overrides.database = (dir / "link.db").string();
  CHECK(load_config(std::nullopt, overrides).database == dir / "real/queue.db");
}

TEST_CASE("the example configuration holds every key with its default") {
  std::ifstream in(KDQ_EXAMPLE_CONFIG);
  std::stringstream text;
  text << in.rdbuf();
  Overrides overrides = with_database();
  overrides.token_file = "/t";
  const Config defaults = load_config(std::nullopt, overrides);
  const Config example = load_config(fs::path(KDQ_EXAMPLE_CONFIG), overrides);
  CHECK(example.log_level == defaults.log_level);
  CHECK(example.engine.max_running == defaults.engine.max_running);
  CHECK(example.engine.max_running_per_file == defaults.engine.max_running_per_file);
  CHECK(example.engine.job_timeout == defaults.engine.job_timeout);
  CHECK(example.engine.max_script_bytes == defaults.engine.max_script_bytes);
  CHECK(example.engine.keep_raw == defaults.engine.keep_raw);
  CHECK(example.engine.retention.days_ended == defaults.engine.retention.days_ended);
  CHECK(example.engine.retention.days_logs == defaults.engine.retention.days_logs);
  CHECK(example.engine.retention.max_bytes == defaults.engine.retention.max_bytes);
  CHECK(example.engine.backup.directory == defaults.engine.backup.directory);
  CHECK(example.engine.backup.every == defaults.engine.backup.every);
  CHECK(example.engine.backup.keep == defaults.engine.backup.keep);
  CHECK(example.engine.notify.size() == defaults.engine.notify.size());
  CHECK(example.tiers == defaults.tiers);
  const AppSettings& a = example.engine.apps.at("default");
  const AppSettings& b = defaults.engine.apps.at("default");
  CHECK(a.base_url == b.base_url);
  CHECK(a.status_path == b.status_path);
  CHECK(a.ca_file == b.ca_file);
  CHECK(a.submit_quota == b.submit_quota);
  CHECK(a.status_quota == b.status_quota);
  CHECK(a.requests_per_second == b.requests_per_second);
  CHECK(a.quota_reset == b.quota_reset);
  CHECK(a.quota_timezone == b.quota_timezone);

  const auto json = nlohmann::json::parse(text.str(), nullptr, true, true);
  CHECK(json.size() == 11);
  CHECK(json.at("retention").size() == 3);
  CHECK(json.at("backup").size() == 3);
  CHECK(json.at("apps").at("default").size() == 9);
}

TEST_CASE("an app with an app_id keeps its tokens beside the database, and says how to consent") {
  const TempDir dir;
  const auto file = dir.file("c.json", R"({"database": "q/queue.db", "apps": {
    "first": {"app_id": "AK1", "app_key_file": "secrets/key"},
    "second": {"app_id": "SX2", "app_key_file": "/k", "token_store": "t/s.json",
               "redirect_uri": "http://127.0.0.1:1/back", "scopes": "a,b"},
    "third": {"app_id": "AK3", "app_key_file": "k", "tier": "test"}}})");
  const Config config = load_config(file, {});
  const TokenSource& first = config.token_sources.at("first");
  CHECK(first.token_file.empty());
  CHECK(first.token_store == dir / "q" / "tokens" / "first.json");
  CHECK(first.app_key_file == dir / "secrets" / "key");
  CHECK(first.app_id == "AK1");
  CHECK(first.login == "kdocs-queued login --config " + file.string() + " --app first");
  CHECK(config.engine.apps.at("first").login == first.login);
  CHECK(config.engine.apps.at("first").app_id == "AK1");
  CHECK(config.logins.at("first").scopes == "access_personal_files,edit_personal_files");
  CHECK(config.logins.at("first").redirect_uri.empty());
  CHECK(config.token_sources.at("second").token_store == dir / "t" / "s.json");
  CHECK(config.logins.at("second").scopes == "a,b");
  CHECK(config.logins.at("second").redirect_uri == "http://127.0.0.1:1/back");
  CHECK(config.tiers.at("first") == "production"); // as its id says
  CHECK(config.tiers.at("second") == "test");
  CHECK(config.tiers.at("third") == "test");
}

TEST_CASE("a token file of the command line takes the place of an app_id") {
  const TempDir dir;
  const auto file = dir.file("c.json", R"({"database": "q.db", "apps": {"default": {
    "app_id": "AK1", "app_key_file": "k"}}})");
  Overrides overrides;
  overrides.token_file = "/t";
  const Config config = load_config(file, overrides);
  CHECK(config.token_sources.at("default").token_file == "/t");
  CHECK(config.token_sources.at("default").token_store.empty());
  CHECK(config.engine.apps.at("default").app_id.empty());
  CHECK(config.logins.empty());
}

TEST_CASE("backups: a folder, a span and a number") {
  const TempDir dir;
  const auto file =
      dir.file("c.json", R"({"backup": {"directory": "to/there", "every": "90m", "keep": 1000}})");
  const BackupSettings backup = load_config(file, with_database()).engine.backup;
  CHECK(backup.directory == dir / "to/there");
  CHECK(backup.every == 90min);
  CHECK(backup.keep == 1000);
  const auto every = [](const std::string& text) {
    return loaded(R"({"backup": {"every": ")" + text + R"("}})").engine.backup.every;
  };
  CHECK(every("60s") == 1min);
  CHECK(every("12h") == 12h);
  CHECK(every("3650d") == 24h * 3650);
  CHECK(loaded(R"({"backup": {"directory": ""}})").engine.backup.directory.empty());
  for (const char* text : {"", "d", "1", "59s", "0d", "-1d", "1w", "1 d", "1.5h", "1dd", "3651d",
                           "99999999999999999999d", "9223372036854775807d"}) {
    CAPTURE(text);
    CHECK(refusal(std::string(R"({"backup": {"every": ")") + text + R"("}})")
              .starts_with("backup.every: must be a number and one of s, m, h, d"));
  }
  CHECK(refusal(R"({"backup": {"keep": 0}})").starts_with("backup.keep: must be a whole number"));
  CHECK(refusal(R"({"backup": {"keep": 1001}})").starts_with("backup.keep: must be"));
  CHECK(refusal(R"({"backup": {"folder": "x"}})").starts_with("backup.folder: no such key"));
}
