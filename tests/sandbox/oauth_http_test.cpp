// The OAuth paths over HTTP: their spelling, their faults, and what becomes of the tokens there.
#include "tests/sandbox/encoding.h"
#include "tests/sandbox/test_sandbox.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace kdq::sandbox {
namespace {

using nlohmann::json;

SandboxSettings oauth_settings() {
  auto settings = test_settings();
  settings.oauth.app_id = "SX1";
  settings.oauth.app_key = "key";
  settings.oauth.seeds = {{"seed-access", "seed-refresh", std::chrono::seconds(86400)}};
  return settings;
}

const std::string refresh_path = "/api/v1/oauth2/refresh_token?app_id=SX1";

std::string exchange_path(const std::string& code) {
  return "/api/v1/oauth2/access_token?code=" + percent_encoded(code) + "&app_id=SX1&app_key=key";
}

/// The code of a redirect. httplib's client decodes what headers hold: nothing is left to decode.
std::string code_in(const httplib::Result& redirect) {
  REQUIRE(redirect);
  REQUIRE(redirect->status == 302);
  const std::string address = redirect->get_header_value("Location");
  const auto begin = address.find("code=") + 5;
  return address.substr(begin, address.find("&state=") - begin);
}

struct Fixture {
  explicit Fixture(const SandboxSettings& settings = oauth_settings())
      : sandbox(settings), client(sandbox) {}

  httplib::Result consent(const std::string& query) {
    return client.http().Get("/h5/auth?" + query);
  }
  std::string code() {
    return code_in(consent("app_id=SX1&scope=a&redirect_uri=http%3A%2F%2Flocalhost&state=s"));
  }
  httplib::Result refresh(const std::string& token) {
    return client.post(refresh_path, {{"app_key", "key"}, {"refresh_token", token}});
  }
  json code_of_ask(const std::string& access_token) {
    const auto reply = client.http().Get("/api/v1/openapi/personal/script/status?access_token=" +
                                         percent_encoded(access_token) + "&task_id=none");
    REQUIRE(reply);
    return json::parse(reply->body).at("code");
  }
  json count(const char* name) { return client.admin("oauth").at(name); }

  Sandbox sandbox;
  TestClient client;
};

json body_of(const httplib::Result& reply) {
  REQUIRE(reply);
  return json::parse(reply->body);
}

json data_of(const httplib::Result& reply) {
  const json body = body_of(reply);
  CHECK(body.at("code") == 0);
  CHECK(body.at("result") == "ok");
  return body.at("data");
}

constexpr int unknown_task = 10001; ///< what a request gets that was admitted

} // namespace

TEST_CASE("from consent over exchange and refresh to requests that are admitted") {
  Fixture f;
  const auto consent = f.consent("app_id=SX1&scope=access_personal_files%2Cedit_personal_files"
                                 "&redirect_uri=http%3A%2F%2F127.0.0.1%3A18765%2Fcallback%3Fa%3Db"
                                 "&state=x%20y&force_login=1");
  REQUIRE(consent);
  const std::string address = consent->get_header_value("Location");
  CHECK(address.starts_with("http://127.0.0.1:18765/callback?a=b&code="));
  CHECK(address.ends_with("&state=x y"));
  const json first = data_of(f.client.http().Get(exchange_path(code_in(consent))));
  CHECK(first.at("scope") == "access_personal_files,edit_personal_files");
  const json second = data_of(f.refresh(first.at("refresh_token")));
  for (const json& token : {first.at("access_token"), second.at("access_token"),
                            json("seed-access"), json("sandbox-token")}) {
    CHECK(f.code_of_ask(token) == unknown_task);
  }
  CHECK(f.code_of_ask("other") == 30001);
  const json received = f.client.admin("ledger").at("received");
  CHECK(received == json{{"submit", 0}, {"status", 5}, {"exchange", 1}, {"refresh", 1}});
}

TEST_CASE("a consent page that cannot be shown is 400 with a sentence") {
  Fixture f;
  for (const char* query : {"app_id=SX2&redirect_uri=http%3A%2F%2Flocalhost", "app_id=SX1",
                            "app_id=SX1&redirect_uri=http%3A%2F%2Flocalhost%0D%0AX%3A%20y"}) {
    CAPTURE(query);
    const auto reply = f.consent(query);
    REQUIRE(reply);
    CHECK(reply->status == 400);
    CHECK(reply->body.starts_with("the "));
    CHECK_FALSE(reply->has_header("Location"));
  }
}

TEST_CASE("refusals have the service's codes and names") {
  Fixture f;
  const auto code = f.code();
  const json wrong_key =
      body_of(f.client.http().Get("/api/v1/oauth2/access_token?code=x&app_id=SX1&app_key=wrong"));
  CHECK(wrong_key.at("code") == 20003);
  data_of(f.client.http().Get(exchange_path(code)));
  CHECK(body_of(f.client.http().Get(exchange_path(code))).at("code") == 10001);
  const auto refused = f.refresh("unknown");
  CHECK(body_of(refused) == json{{"code", 20007},
                                 {"result", "AccessTokenInvalid"},
                                 {"msg", "the refresh token is not valid"}});
  CHECK(refused->status == 200);
  for (const json& body : {json(1), json::object(), json{{"app_key", "key"}},
                           json{{"app_key", "key"}, {"refresh_token", ""}},
                           json{{"app_key", 1}, {"refresh_token", "seed-refresh"}}}) {
    CAPTURE(body.dump());
    CHECK(body_of(f.client.post(refresh_path, body)).at("code") == 10001);
  }
  const std::string form = "app_key=key&refresh_token=seed-refresh";
  const auto as_form =
      f.client.http().Post(refresh_path, form, "application/x-www-form-urlencoded");
  CHECK(body_of(as_form).at("code") == 10001);
  data_of(f.refresh("seed-refresh"));
}

TEST_CASE("without an OAuth app its paths are not found and only the one token is accepted") {
  Fixture f(test_settings());
  CHECK(f.consent("app_id=&redirect_uri=http%3A%2F%2Flocalhost")->status == 404);
  CHECK(f.client.http().Get("/api/v1/oauth2/access_token?code=&app_id=&app_key=")->status == 404);
  CHECK(f.refresh("seed-refresh")->status == 404);
  CHECK(f.client.http().Get("/admin/oauth")->status == 404);
  CHECK(f.code_of_ask("seed-access") == 30001);
  CHECK(f.code_of_ask("sandbox-token") == unknown_task);
}

TEST_CASE("the admin lets tokens expire and revokes them, and requests with them are counted") {
  Fixture f;
  CHECK(f.client.post("/admin/oauth", {{"expires_in", 0}})->status == 200);
  const std::string expired = data_of(f.refresh("seed-refresh")).at("access_token");
  CHECK(f.code_of_ask(expired) == 30001);
  CHECK(f.code_of_ask(expired) == 30001);
  CHECK(f.count("expired_statuses") == 2);
  CHECK(f.count("expired_statuses_again") == 1);
  CHECK(f.count("live_access_tokens") == 1);
  f.client.post("/admin/oauth", {{"revoke", true}});
  const auto refused = f.client.post("/api/v1/openapi/personal/files/F/script?access_token="
                                     "seed-access",
                                     {{"script", "1"}});
  REQUIRE(refused);
  CHECK(refused->status == 401);
  CHECK(f.count("expired_submits") == 1);
  CHECK(f.client.admin("ledger").at("posts").empty());
  CHECK(f.client.post("/admin/oauth", {{"revoked", true}})->status == 400);
}

TEST_CASE("faults strike a refresh or an exchange when they name it, and \"any\" does not") {
  Fixture f;
  f.client.fault({{"kind", "code"}, {"endpoint", "any"}, {"code", 30004}});
  const json first = data_of(f.client.http().Get(exchange_path(f.code())));
  data_of(f.refresh(first.at("refresh_token")));
  CHECK(f.code_of_ask("sandbox-token") == 30004);
  f.client.http().Delete("/admin/faults");

  f.client.fault({{"kind", "status"}, {"endpoint", "refresh"}, {"http_status", 503}});
  const std::string code = f.code();
  const json second = data_of(f.client.http().Get(exchange_path(code)));
  CHECK(f.refresh(second.at("refresh_token"))->status == 503);
  CHECK(f.code_of_ask("sandbox-token") == unknown_task);
  f.client.http().Delete("/admin/faults");
  f.client.fault({{"kind", "code"}, {"endpoint", "exchange"}, {"code", -1}, {"count", 1}});
  const std::string kept = f.code();
  CHECK(body_of(f.client.http().Get(exchange_path(kept))).at("code") == -1);
  data_of(f.client.http().Get(exchange_path(kept)));
  data_of(f.refresh(second.at("refresh_token")));
}

TEST_CASE("a refresh that is dropped before it acts can be repeated, one after it cannot") {
  for (const bool acts : {false, true}) {
    CAPTURE(acts);
    Fixture f;
    f.client.fault(
        {{"kind", acts ? "drop_after" : "drop_before"}, {"endpoint", "refresh"}, {"count", 1}});
    httplib::Client once(f.sandbox.base_url());
    const json body{{"app_key", "key"}, {"refresh_token", "seed-refresh"}};
    CHECK_FALSE(once.Post(refresh_path, body.dump(), "application/json"));
    CHECK(body_of(f.refresh("seed-refresh")).at("code") == (acts ? 20007 : 0));
    CHECK(f.count("refreshes") == 1);
    CHECK(f.count("concurrent_refreshes") == 0);
  }
}

TEST_CASE("garbage and half a reply come after the refresh has acted") {
  for (const char* kind : {"garbage", "truncate"}) {
    CAPTURE(kind);
    Fixture f;
    f.client.fault({{"kind", kind}, {"endpoint", "refresh"}, {"count", 1}});
    const auto reply = f.refresh("seed-refresh");
    const bool usable = reply && json::accept(reply->body);
    CHECK_FALSE(usable);
    CHECK(f.count("refreshes") == 1);
  }
}

TEST_CASE("a second refresh with the same token is noticed while the first is held back") {
  Fixture f;
  f.client.fault({{"kind", "delay_after"}, {"endpoint", "refresh"}, {"count", 1}, {"ms", 1e8}});
  httplib::Client first(f.sandbox.base_url());
  const std::jthread held([&] {
    const json body{{"app_key", "key"}, {"refresh_token", "seed-refresh"}};
    first.set_read_timeout(std::chrono::minutes(1));
    first.Post(refresh_path, body.dump(), "application/json");
  });
  wait_until([&] { return f.count("refreshes") == 1; });
  CHECK(f.count("concurrent_refreshes") == 0);
  CHECK(body_of(f.refresh("seed-refresh")).at("code") == 20007);
  CHECK(f.count("concurrent_refreshes") == 1);
  first.stop();
}

TEST_CASE("the ledger file tells of consent and tokens without their values") {
  const std::string path =
      std::filesystem::temp_directory_path() / ("kdq-oauth-ledger-" + std::to_string(::getpid()));
  auto settings = oauth_settings();
  settings.ledger_file = path;
  std::vector<std::string> hidden{"seed-access", "seed-refresh", "\"key\""};
  {
    Fixture f(settings);
    hidden.push_back(f.code());
    for (const json& data : {data_of(f.client.http().Get(exchange_path(hidden.back()))),
                             data_of(f.refresh("seed-refresh"))}) {
      hidden.push_back(data.at("access_token"));
      hidden.push_back(data.at("refresh_token"));
    }
    f.refresh("seed-refresh");
    f.client.post("/admin/oauth", {{"person", "refuse"}});
    f.consent("app_id=SX1&redirect_uri=http%3A%2F%2Flocalhost&force_login=1");
  }
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::filesystem::remove(path);
  for (const std::string& secret : hidden) {
    CAPTURE(secret);
    CHECK(text.find(secret) == std::string::npos);
  }
  json events = json::array();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const json entry = json::parse(line);
    events.push_back(entry.at("event"));
  }
  CHECK(events == json{"consent", "received", "token_issued", "received", "token_issued",
                       "received", "refused", "consent_refused"});
}

} // namespace kdq::sandbox
