#include "tests/sandbox/test_sandbox.h"

#include "tests/sandbox/encoding.h"

#include <chrono>
#include <doctest/doctest.h>
#include <thread>

namespace kdq::sandbox {

using nlohmann::json;

SandboxSettings test_settings() {
  SandboxSettings settings;
  settings.engine_path = KDQ_SCRIPT_ENGINE;
  settings.threads = 16;
  return settings;
}

void wait_until(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!done()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

std::string submit_path(const std::string& file) {
  return "/api/v1/openapi/personal/files/" + file + "/script?access_token=sandbox-token";
}

std::string status_path(const std::string& task) {
  return "/api/v1/openapi/personal/script/status?access_token=sandbox-token&task_id=" +
         percent_encoded(task);
}

httplib::Result TestClient::post(const std::string& path, const json& body) {
  return http_.Post(path, body.dump(), "application/json");
}

httplib::Result TestClient::submit(const std::string& script, const std::string& file) {
  return post(submit_path(file), {{"script", script}});
}

std::string TestClient::task_of(const std::string& script, const std::string& file) {
  const auto reply = submit(script, file);
  REQUIRE(reply);
  REQUIRE(reply->status == 200);
  return json::parse(reply->body).at("data").at("task_id").get<std::string>();
}

json TestClient::outcome_of(const std::string& task) {
  json report;
  json logs = json::array();
  wait_until([&] {
    const auto reply = status(task);
    REQUIRE(reply);
    report = json::parse(reply->body).at("data");
    for (const json& line : report.at("data").at("logs")) {
      logs.push_back(line);
    }
    return report.at("status") == "finish";
  });
  report["logs"] = logs;
  return report;
}

json TestClient::admin(const std::string& path) {
  const auto reply = http_.Get("/admin/" + path);
  REQUIRE(reply);
  REQUIRE(reply->status == 200);
  return json::parse(reply->body);
}

void TestClient::fault(const json& rule) {
  const auto reply = post("/admin/faults", rule);
  REQUIRE(reply);
  REQUIRE(reply->status == 200);
}

} // namespace kdq::sandbox
