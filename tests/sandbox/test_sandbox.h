// What the sandbox's own tests share: a sandbox in the same process and a client that uses it well.
#pragma once

#include "tests/sandbox/sandbox.h"

#include <chrono>
#include <functional>
#include <httplib.h>
#include <nlohmann/json.hpp>
#include <string>

namespace kdq::sandbox {

/// Settings of a sandbox that finds its engine.
SandboxSettings test_settings();

/// Calls `done` until it returns true; fails the test if it does not within a generous time.
void wait_until(const std::function<bool()>& done);

std::string submit_path(const std::string& file = "FILE");
/// `task` is encoded once, as received.
std::string status_path(const std::string& task);

/// One keep-alive connection to a sandbox.
class TestClient {
public:
  explicit TestClient(const Sandbox& sandbox) : http_(sandbox.base_url()) {
    http_.set_keep_alive(true);
    http_.set_read_timeout(std::chrono::minutes(1));
  }
  httplib::Client& http() { return http_; }

  httplib::Result post(const std::string& path, const nlohmann::json& body);
  httplib::Result submit(const std::string& script, const std::string& file = "FILE");
  httplib::Result status(const std::string& task) { return http_.Get(status_path(task)); }

  /// The id of a script that was accepted; fails the test if it was not.
  std::string task_of(const std::string& script, const std::string& file = "FILE");
  /// Polls until the end: the last report, with all the log lines of the polls in "logs".
  nlohmann::json outcome_of(const std::string& task);
  nlohmann::json admin(const std::string& path);
  /// Adds a fault rule.
  void fault(const nlohmann::json& rule);

private:
  httplib::Client http_;
};

} // namespace kdq::sandbox
