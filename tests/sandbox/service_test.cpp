#include "tests/sandbox/service.h"

#include "tests/sandbox/encoding.h"
#include "tests/sandbox/test_sandbox.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <set>

namespace kdq::sandbox {
namespace {

using nlohmann::json;

/// A service with real scripts and no HTTP.
struct Fixture {
  explicit Fixture(const ServiceSettings& settings = {}, const std::string& ledger_file = "")
      : ledger(ledger_file), oauth({}, ledger), runner(KDQ_SCRIPT_ENGINE, {}),
        service(settings, runner, sheets, ledger, oauth) {}

  std::string submit(const std::string& script, const std::string& name = "",
                     const std::string& file = "FILE") {
    const auto outcome =
        service.submit(ledger.received(Endpoint::submit), {file, script, name, nullptr});
    REQUIRE(std::holds_alternative<std::string>(outcome));
    return std::get<std::string>(outcome);
  }
  StatusReport status(const std::string& task) {
    const auto outcome = service.status(ledger.received(Endpoint::status), task);
    REQUIRE(std::holds_alternative<StatusReport>(outcome));
    return std::get<StatusReport>(outcome);
  }
  std::int64_t status_error(const std::string& task) {
    const auto outcome = service.status(ledger.received(Endpoint::status), task);
    REQUIRE(std::holds_alternative<ApiError>(outcome));
    return std::get<ApiError>(outcome).code;
  }
  void wait_for_end() {
    wait_until([&] {
      const json tasks = ledger.summary().at("tasks");
      return tasks.at("started") == tasks.at("ended");
    });
  }

  Sheets sheets;
  Ledger ledger;
  Oauth oauth;
  ScriptRunner runner;
  Service service;
};

json brief(const json& logs) {
  json lines = json::array();
  for (const json& line : logs) {
    lines.push_back({line.at("filename"), line.at("level"), line.at("args").at(0)});
  }
  return lines;
}

} // namespace

TEST_CASE("the API page's first example gives its four lines") {
  Fixture f;
  const auto task =
      f.submit("console.log(\"foo\")\r\nTime.sleep(1000)\r\nconsole.log(\"bar\")", "test");
  f.wait_for_end();
  const StatusReport report = f.status(task);
  CHECK(report.ended);
  CHECK(report.error == "");
  CHECK(report.result == "[Undefined]");
  CHECK(brief(report.logs) == json{{"system", "info", "已开始执行"},
                                   {"test.ks:1:1", "info", "foo"},
                                   {"test.ks:3:1", "info", "bar"},
                                   {"system", "info", "执行完毕"}});
}

TEST_CASE("the API page's second example gives the text of a cell") {
  Fixture f;
  f.sheets.preset("A1", "bar");
  const auto task = f.submit("Application.Range(\"A1\").Text");
  f.wait_for_end();
  CHECK(f.status(task).result == "bar");
}

TEST_CASE("a failed script ends with an error, a line at its place and no last system line") {
  Fixture f;
  const auto task = f.submit("1\nnope()", "broken");
  f.wait_for_end();
  const StatusReport report = f.status(task);
  const char* error = "ReferenceError: identifier 'nope' undefined";
  CHECK(report.ended);
  CHECK(report.error == error);
  CHECK(brief(report.logs) ==
        json{{"system", "info", "已开始执行"}, {"broken.ks:2:1", "error", error}});
}

TEST_CASE("lines of a script without a name come from anonymous") {
  Fixture f;
  const auto task = f.submit("console.log(1)");
  f.wait_for_end();
  CHECK(f.status(task).logs.at(1).at("filename") == "anonymous");
}

TEST_CASE("a line that was handed out is never handed out again") {
  Fixture f;
  const auto task = f.submit("console.log('a'); Time.sleep(1e8)");
  json seen = json::array();
  wait_until([&] {
    const StatusReport report = f.status(task);
    CHECK_FALSE(report.ended);
    CHECK(report.result == "");
    seen.insert(seen.end(), report.logs.begin(), report.logs.end());
    return seen.size() == 2;
  });
  CHECK(f.status(task).logs.empty());
  CHECK(f.ledger.summary().at("lines") == json{{"produced", 2}, {"handed_out", 2}});
}

TEST_CASE("an ended task can be asked again and says its result without lines") {
  Fixture f;
  const auto task = f.submit("5");
  f.wait_for_end();
  CHECK(f.status(task).logs.size() == 2);
  const StatusReport again = f.status(task);
  CHECK(again.ended);
  CHECK(again.result == 5);
  CHECK(again.logs == json::array());
}

TEST_CASE("an ended task expires") {
  ServiceSettings settings;
  settings.task_ttl = std::chrono::seconds(-1);
  Fixture f(settings);
  const auto task = f.submit("5");
  f.wait_for_end();
  CHECK(f.status_error(task) == 10001);
}

TEST_CASE("log lines carry both times as the service writes them") {
  Fixture f;
  const auto task = f.submit("1");
  f.wait_for_end();
  const json line = f.status(task).logs.at(0);
  const auto unix_time = line.at("unix_time").get<std::int64_t>();
  CHECK(unix_time < 100'000'000'000);
  const auto timestamp = line.at("timestamp").get<std::string>();
  REQUIRE(timestamp.size() == std::string("17:29:58.114").size());
  const std::int64_t of_day = std::stol(timestamp.substr(0, 2)) * 3600 +
                              std::stol(timestamp.substr(3, 2)) * 60 +
                              std::stol(timestamp.substr(6, 2));
  CHECK(of_day == (unix_time + 8 * 3600) % 86400);
}

TEST_CASE("task ids are encoded once already and unique") {
  Fixture f;
  std::set<std::string> ids;
  for (int i = 0; i < 20; ++i) {
    const auto id = f.submit("1");
    CHECK(id.find("%2F") != std::string::npos);
    CHECK(id.find("%2B") != std::string::npos);
    CHECK(id.ends_with("%3D%3D"));
    ids.insert(id);
  }
  CHECK(ids.size() == 20);
}

TEST_CASE("a task id with a layer of encoding too few or too many is refused and counted") {
  Fixture f;
  const auto task = f.submit("1");
  CHECK(f.status_error(percent_decoded(task)) == 10001);
  CHECK(f.status_error(percent_encoded(task)) == 10001);
  CHECK(f.ledger.summary().at("wrong_encodings") == 2);
  CHECK(f.status_error("unknown") == 10001);
  CHECK(f.status_error("") == 10001);
  CHECK(f.ledger.summary().at("wrong_encodings") == 2);
}

TEST_CASE("each endpoint has a quota of its own, which a new day fills again") {
  ServiceSettings settings;
  settings.submit_quota = 2;
  settings.status_quota = 1;
  Fixture f(settings);
  const auto code = [&](Endpoint endpoint) {
    const auto error = f.service.admit(endpoint, "sandbox-token");
    return error ? error->code : 0;
  };
  CHECK(code(Endpoint::submit) == 0);
  CHECK(code(Endpoint::submit) == 0);
  CHECK(code(Endpoint::submit) == 30002);
  CHECK(code(Endpoint::status) == 0);
  CHECK(code(Endpoint::status) == 30002);
  CHECK(f.service.quota() ==
        json{{"submit", {{"allowed", 2}, {"used", 2}}}, {"status", {{"allowed", 1}, {"used", 1}}}});
  f.service.begin_quota_day();
  CHECK(code(Endpoint::submit) == 0);
  f.service.set_quota(Endpoint::submit, 0);
  CHECK(code(Endpoint::submit) == 30002);
}

TEST_CASE("only the accepted token is admitted, and a refusal costs no quota") {
  Fixture f;
  CHECK(f.service.admit(Endpoint::submit, "wrong")->code == 30001);
  CHECK(f.service.admit(Endpoint::submit, "")->code == 30001);
  f.service.accept_token("other");
  CHECK(f.service.admit(Endpoint::submit, "sandbox-token")->code == 30001);
  CHECK_FALSE(f.service.admit(Endpoint::submit, "other"));
  CHECK(f.service.quota().at("submit").at("used") == 1);
}

TEST_CASE("more scripts than may run at a time are refused") {
  ServiceSettings settings;
  settings.max_running = 1;
  Fixture f(settings);
  f.submit("Time.sleep(1e8)");
  const auto outcome = f.service.submit(2, {"FILE", "1", "", nullptr});
  REQUIRE(std::holds_alternative<ApiError>(outcome));
  CHECK(std::get<ApiError>(outcome).code == 30010);
}

TEST_CASE("the ledger knows how often each script was posted and how many ran on a file at once") {
  Fixture f;
  f.submit("Time.sleep(200)", "twice", "ONE");
  f.submit("Time.sleep(200)", "twice", "ONE");
  f.submit("1", "once", "TWO");
  f.wait_for_end();
  const json summary = f.ledger.summary();
  CHECK(summary.at("max_running_per_file") == json{{"ONE", 2}, {"TWO", 1}});
  CHECK(summary.at("posts").size() == 2);
  for (const json& post : summary.at("posts")) {
    CHECK(post.at("count") == (post.at("script_name") == "twice" ? 2 : 1));
  }
}

TEST_CASE("the ledger file has each line and who took it, before the status call returns") {
  const auto path = std::filesystem::temp_directory_path() /
                    ("kdq-ledger-" + std::to_string(::getpid()) + ".jsonl");
  std::filesystem::remove(path);
  {
    Fixture f({}, path);
    const auto task = f.submit("console.log('x')", "n");
    f.wait_for_end();
    f.status(task);
    std::map<std::string, std::vector<json>> entries;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      json entry = json::parse(line);
      entries[entry.at("event").get<std::string>()].push_back(entry);
    }
    CHECK(entries["post"].size() == 1);
    CHECK(entries["line"].size() == 3);
    CHECK(entries["ended"].size() == 1);
    REQUIRE(entries["handed_out"].size() == 1);
    const json handed = entries["handed_out"][0];
    CHECK(handed.at("task") == task);
    CHECK(handed.at("request") == 2);
    CHECK(handed.at("from") == 0);
    CHECK(handed.at("lines").size() == 3);
    CHECK(handed.at("lines").at(1).at("args") == json{"x"});
    CHECK(f.service.tasks().at(0).at("lines").at(2).at("request") == 2);
  }
  std::filesystem::remove(path);
}

TEST_CASE("hundreds of short scripts all run to their end") {
  Fixture f;
  constexpr int scripts = 300;
  std::vector<std::string> tasks;
  for (int i = 0; i < scripts; ++i) {
    wait_until([&] { // the service's own limit of scripts at a time
      auto outcome = f.service.submit(
          1, {"F" + std::to_string(i % 20), "console.log(" + std::to_string(i) + ")", "", nullptr});
      if (auto* task = std::get_if<std::string>(&outcome)) {
        tasks.push_back(*task);
        return true;
      }
      return false;
    });
  }
  f.wait_for_end();
  for (int i = 0; i < scripts; ++i) {
    const StatusReport report = f.status(tasks[static_cast<std::size_t>(i)]);
    CHECK(report.error == "");
    REQUIRE(report.logs.size() == 3);
    CHECK(report.logs.at(1).at("args") == json::array({i}));
  }
}

} // namespace kdq::sandbox
