#include "tests/sandbox/http_front.h"

#include "tests/sandbox/encoding.h"
#include "tests/sandbox/test_certificate.h"
#include "tests/sandbox/test_sandbox.h"

#include <doctest/doctest.h>
#include <stdexcept>

namespace kdq::sandbox {
namespace {

using nlohmann::json;

json code_of(const httplib::Result& reply) {
  REQUIRE(reply);
  return json::parse(reply->body).at("code");
}

} // namespace

TEST_CASE("a script is posted, polled and ended over HTTP") {
  auto settings = test_settings();
  settings.cells = {"A1=bar"};
  const Sandbox sandbox(settings);
  TestClient client(sandbox);
  const json outcome = client.outcome_of(client.task_of("Application.Range('A1').Text"));
  CHECK(outcome.at("error") == "");
  CHECK(outcome.at("data").at("result") == "bar");
  CHECK(outcome.at("logs").size() == 2);
}

TEST_CASE("name and arguments of the body reach the script") {
  const Sandbox sandbox(test_settings());
  TestClient client(sandbox);
  const auto reply =
      client.post(submit_path("a%20b"), {{"script", "console.log(Arguments.get('k'))"},
                                         {"script_name", "n"},
                                         {"custom_argv", {{"k", "v"}}}});
  REQUIRE(reply);
  const auto task = json::parse(reply->body).at("data").at("task_id").get<std::string>();
  const json line = client.outcome_of(task).at("logs").at(1);
  CHECK(line.at("filename") == "n.ks:1:1");
  CHECK(line.at("args") == json{"v"});
  CHECK(client.admin("tasks").at(0).at("file") == "a b");
}

TEST_CASE("the task id must be encoded once as received") {
  const Sandbox sandbox(test_settings());
  TestClient client(sandbox);
  const auto task = client.task_of("1");
  const std::string path =
      "/api/v1/openapi/personal/script/status?access_token=sandbox-token&task_id=";
  CHECK(percent_encoded(task).find("%252F") != std::string::npos);
  CHECK(code_of(client.http().Get(path + percent_encoded(task))) == 0);
  CHECK(code_of(client.http().Get(path + task)) == 10001);
  CHECK(code_of(client.http().Get(path + percent_decoded(task))) == 10001);
  CHECK(client.admin("ledger").at("wrong_encodings") == 2);
}

TEST_CASE("the vendor's doubled path answers 404") {
  const Sandbox sandbox(test_settings());
  TestClient client(sandbox);
  const auto reply = client.http().Get("/api/v1/openapi/personal/personal/script/status"
                                       "?access_token=sandbox-token&task_id=x");
  REQUIRE(reply);
  CHECK(reply->status == 404);
  CHECK(client.admin("ledger").at("paths_not_found") == 1);
}

TEST_CASE("both reply shapes and all places of the task id can be chosen") {
  auto settings = test_settings();
  settings.style.wrapped_status = false;
  settings.style.task_id_key = "taskId";
  settings.style.task_id_in_data = false;
  settings.style.ended_word = "finished";
  settings.style.no_logs = "missing";
  const Sandbox sandbox(settings);
  TestClient client(sandbox);
  const auto reply = client.submit("1");
  REQUIRE(reply);
  const auto task = json::parse(reply->body).at("taskId").get<std::string>();
  json report;
  wait_until([&] {
    report = json::parse(client.status(task)->body);
    return report.at("status") == "finished";
  });
  CHECK_FALSE(report.contains("code"));
  CHECK(report.at("data").at("result") == 1);
  CHECK_FALSE(json::parse(client.status(task)->body).at("data").contains("logs"));
}

TEST_CASE("a wrong token is HTTP 401 with the service's code until the admin accepts it") {
  const Sandbox sandbox(test_settings());
  TestClient client(sandbox);
  const std::string path = "/api/v1/openapi/personal/files/F/script?access_token=new";
  const auto refused = client.post(path, {{"script", "1"}});
  REQUIRE(refused);
  CHECK(refused->status == 401);
  CHECK(code_of(refused) == 30001);
  client.post("/admin/token", {{"token", "new"}});
  CHECK(code_of(client.post(path, {{"script", "1"}})) == 0);
  CHECK(client.submit("1")->status == 401);
}

TEST_CASE("a body that is no order is an invalid argument") {
  const Sandbox sandbox(test_settings());
  TestClient client(sandbox);
  for (const json& body : {json{{"script", ""}}, json{{"script", 1}}, json::object(), json{1},
                           json{{"script", "1"}, {"custom_argv", json::array()}},
                           json{{"script", "1"}, {"script_name", nullptr}}}) {
    CAPTURE(body.dump());
    CHECK(code_of(client.post(submit_path(), body)) == 10001);
  }
  CHECK(code_of(client.http().Post(submit_path(), "{", "application/json")) == 10001);
  CHECK(code_of(client.http().Post(submit_path(), R"({"script":"1"})", "text/plain")) == 10001);
  CHECK(client.admin("ledger").at("posts").empty());
}

TEST_CASE("a used-up quota is a code, or HTTP 429 if chosen, until the admin begins a new day") {
  auto settings = test_settings();
  settings.service.submit_quota = 1;
  {
    const Sandbox sandbox(settings);
    TestClient client(sandbox);
    client.task_of("1");
    CHECK(client.submit("1")->status == 200);
    CHECK(code_of(client.submit("1")) == 30002);
    client.post("/admin/quota", {{"reset", true}});
    CHECK(code_of(client.submit("1")) == 0);
  }
  settings.style.quota_retry_after = std::chrono::seconds(7);
  const Sandbox sandbox(settings);
  TestClient client(sandbox);
  client.task_of("1");
  const auto refused = client.submit("1");
  CHECK(refused->status == 429);
  CHECK(refused->get_header_value("Retry-After") == "7");
}

TEST_CASE("the admin sets cells and reads what scripts wrote") {
  const Sandbox sandbox(test_settings());
  TestClient client(sandbox);
  client.post("/admin/cell", {{"file", "F"}, {"cell", "A1"}, {"value", 20}});
  client.outcome_of(client.task_of("Range('B1').Value = Range('A1').Value + 1", "F"));
  CHECK(client.admin("cell?file=F&cell=B1") == 21);
  CHECK(client.post("/admin/cell", {{"cell", "nowhere"}, {"value", 1}})->status == 400);
}

TEST_CASE("over TLS a client that trusts the certificate is served, another is not") {
  const TestCertificate certificate;
  auto settings = test_settings();
  settings.certificate_file = certificate.certificate_file();
  settings.key_file = certificate.key_file();
  const Sandbox sandbox(settings);
  httplib::Client trusting(sandbox.base_url());
  trusting.set_ca_cert_path(certificate.certificate_file());
  trusting.enable_server_certificate_verification(true);
  trusting.set_keep_alive(true);
  for (int i = 0; i < 3; ++i) {
    CHECK(code_of(trusting.Post(submit_path(), R"({"script":"1"})", "application/json")) == 0);
  }
  httplib::Client strict(sandbox.base_url());
  strict.enable_server_certificate_verification(true);
  const auto refused = strict.Get("/admin/ledger");
  CHECK_FALSE(refused);
  const auto ledger = trusting.Get("/admin/ledger");
  REQUIRE(ledger);
  CHECK(json::parse(ledger->body).at("received").at("submit") == 3);
}

TEST_CASE("the sandbox listens on loopback addresses only") {
  CHECK(loopback_address("127.0.0.1") == "127.0.0.1");
  CHECK(loopback_address("127.9.9.9") == "127.9.9.9");
  CHECK(loopback_address("localhost") == "127.0.0.1");
  CHECK(loopback_address("::1") == "::1");
  for (const char* host : {"0.0.0.0", "::", "", "192.168.0.1", "128.0.0.1", "::ffff:127.0.0.1",
                           "example.com", "127.1"}) {
    CAPTURE(host);
    CHECK_THROWS_AS(loopback_address(host), std::invalid_argument);
    auto settings = test_settings();
    settings.host = host;
    CHECK_THROWS_AS(Sandbox{settings}, std::invalid_argument);
  }
}

TEST_CASE("a port in use is an error, not shared") {
  const Sandbox first(test_settings());
  auto settings = test_settings();
  settings.port = first.port();
  CHECK_THROWS_AS(Sandbox{settings}, std::runtime_error);
}

TEST_CASE("sixty-four clients keep their connections and are all served") {
  auto settings = test_settings();
  settings.threads = 80;
  const Sandbox sandbox(settings);
  std::vector<std::unique_ptr<TestClient>> clients;
  std::vector<std::string> tasks;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(std::make_unique<TestClient>(sandbox));
    tasks.push_back(clients.back()->task_of(std::to_string(i)));
  }
  for (int i = 0; i < 64; ++i) {
    const auto n = static_cast<std::size_t>(i);
    CHECK(clients[n]->outcome_of(tasks[n]).at("data").at("result") == i);
  }
}

} // namespace kdq::sandbox
