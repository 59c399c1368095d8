#include "tests/sandbox/oauth.h"

#include "tests/sandbox/encoding.h"

#include <doctest/doctest.h>
#include <stdexcept>

namespace kdq::sandbox {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr const char* callback = "http://127.0.0.1:18765/callback";
constexpr const char* both_scopes = "access_personal_files,edit_personal_files";

OauthSettings settings_of(Rotation rotation) {
  OauthSettings settings;
  settings.app_id = "SX1";
  settings.app_key = "k:ey";
  settings.rotation = rotation;
  settings.seeds = {{"seed-access", "seed-refresh", seconds(100)}};
  return settings;
}

/// An app's OAuth under a clock that stands still until it is set.
struct Fixture {
  explicit Fixture(Rotation rotation = Rotation::yes) : Fixture(settings_of(rotation)) {}
  explicit Fixture(const OauthSettings& settings)
      : ledger(""), oauth(settings, ledger, [this] { return now; }) {}

  void change(const json& text) { oauth.change(oauth_change_from_json(text)); }
  std::string consent(const std::string& state = "s") {
    return oauth.consent({"SX1", both_scopes, callback, state});
  }
  std::string code() { return query_value(consent(), "code"); }
  json exchange(const std::string& code) {
    const auto outcome = oauth.exchange(1, "SX1", "k:ey", code);
    REQUIRE(std::holds_alternative<json>(outcome));
    return std::get<json>(outcome);
  }
  std::int64_t exchange_error(const std::string& code, const std::string& app_id = "SX1",
                              const std::string& app_key = "k:ey") {
    const auto outcome = oauth.exchange(1, app_id, app_key, code);
    REQUIRE(std::holds_alternative<ApiError>(outcome));
    return std::get<ApiError>(outcome).code;
  }
  json refresh(const std::string& token) {
    const auto outcome = oauth.refresh(1, {"SX1", "k:ey", token});
    REQUIRE(std::holds_alternative<json>(outcome));
    return std::get<json>(outcome);
  }
  /// The refresh token that a refresh with `token` gives.
  std::string next(const std::string& token) { return refresh(token).at("refresh_token"); }
  std::int64_t refresh_error(const std::string& token, const std::string& app_id = "SX1",
                             const std::string& app_key = "k:ey") {
    const auto outcome = oauth.refresh(1, {app_id, app_key, token});
    REQUIRE(std::holds_alternative<ApiError>(outcome));
    return std::get<ApiError>(outcome).code;
  }
  bool accepts(const json& access_token, Endpoint endpoint = Endpoint::status) {
    return oauth.accepts(endpoint, access_token.get<std::string>());
  }
  json count(const char* name) { return oauth.counts().at(name); }

  Oauth::Clock::time_point now = Oauth::Clock::now();
  Ledger ledger;
  Oauth oauth;
};

} // namespace

TEST_CASE("the person agrees, and the code gives tokens that are accepted") {
  Fixture f;
  const std::string address = f.consent("a&b=c d");
  CHECK(address.starts_with(std::string(callback) + "?code="));
  CHECK(address.ends_with("&state=a%26b%3Dc%20d"));
  const json data = f.exchange(query_value(address, "code"));
  CHECK(f.accepts(data.at("access_token")));
  CHECK(data.at("expires_in") == 86400);
  CHECK(data.at("app_id") == "SX1");
  CHECK(data.at("open_id") == "sandbox-account");
  CHECK(data.at("scope") == both_scopes);
  CHECK(data.at("refresh_token") != data.at("access_token"));
  CHECK(f.count("exchanges") == 1);
}

TEST_CASE("the answer is appended to whatever query the address has") {
  Fixture f;
  const auto led_to = [&](const std::string& address) {
    const std::string answer = f.oauth.consent({"SX1", "", address, ""});
    return answer.substr(0, answer.find("code="));
  };
  CHECK(led_to("http://localhost/") == "http://localhost/?");
  CHECK(led_to("http://localhost/?") == "http://localhost/?");
  CHECK(led_to("https://localhost/?a=b") == "https://localhost/?a=b&");
  CHECK(led_to("https://localhost/?a=b&") == "https://localhost/?a=b&");
}

TEST_CASE("an unknown app or an address that cannot be come back to is refused") {
  Fixture f;
  CHECK_THROWS_AS(f.oauth.consent({"SX2", "", callback, "s"}), std::invalid_argument);
  CHECK_THROWS_AS(f.oauth.consent({"", "", callback, "s"}), std::invalid_argument);
  for (const char* address : {"", "/callback", "ftp://localhost/", "http://localhost/\r\nX: y",
                              "http://localhost/a b", "http://localhost/#part"}) {
    CAPTURE(address);
    CHECK_THROWS_AS(f.oauth.consent({"SX1", "", address, "s"}), std::invalid_argument);
  }
  OauthSettings none;
  CHECK_THROWS_AS(Fixture(none).oauth.consent({"", "", callback, "s"}), std::invalid_argument);
}

TEST_CASE("the person refuses, or comes back with a state of its own") {
  Fixture f;
  f.change({{"person", "refuse"}});
  CHECK(f.consent("x/y") == std::string(callback) + "?error=access_denied&state=x%2Fy");
  f.change({{"person", "wrong_state"}});
  const std::string address = f.consent("x");
  CHECK(query_value(address, "state") != "x");
  CHECK(query_value(address, "state") != "");
  f.exchange(query_value(address, "code"));
  f.change({{"person", "agree"}});
  CHECK(query_value(f.consent("x"), "state") == "x");
}

TEST_CASE("the person is another account and agrees to fewer scopes, which a refresh keeps") {
  Fixture f;
  f.change({{"account", "other"}, {"scopes", "edit_personal_files,unasked"}});
  const json data = f.exchange(f.code());
  f.change({{"account", "third"}, {"scopes", ""}});
  for (const json& reply : {data, f.refresh(data.at("refresh_token"))}) {
    CHECK(reply.at("open_id") == "other");
    CHECK(reply.at("scope") == "edit_personal_files");
  }
  CHECK(f.exchange(f.code()).at("open_id") == "third");
  CHECK(f.exchange(f.code()).at("scope") == both_scopes);
}

TEST_CASE("a code works once and for as long as it lives") {
  Fixture f;
  const std::string used = f.code();
  f.exchange(used);
  CHECK(f.exchange_error(used) == 10001);
  CHECK(f.exchange_error("unknown") == 10001);
  const std::string last_moment = f.code();
  const std::string too_late = f.code();
  f.now += seconds(300) - std::chrono::nanoseconds(1);
  f.exchange(last_moment);
  f.now += std::chrono::nanoseconds(1);
  CHECK(f.exchange_error(too_late) == 10001);
  CHECK(f.count("exchanges") == 2);
}

TEST_CASE("a wrong app or key is refused and uses up neither code nor refresh token") {
  Fixture f;
  const std::string code = f.code();
  CHECK(f.exchange_error(code, "SX2") == 20003);
  CHECK(f.exchange_error(code, "SX1", "key") == 20003);
  const std::string token = f.exchange(code).at("refresh_token");
  CHECK(f.refresh_error(token, "SX2") == 20003);
  CHECK(f.refresh_error(token, "SX1", "") == 20003);
  f.refresh(token);
  CHECK(f.count("refused_refreshes") == 2);
  Fixture none(OauthSettings{});
  CHECK(none.exchange_error("", "", "") == 20003);
}

TEST_CASE("with rotation the old refresh token is void at once") {
  Fixture f;
  const std::string second = f.next("seed-refresh");
  CHECK(f.refresh_error("seed-refresh") == 20007);
  f.refresh(second);
  CHECK(f.count("refreshes") == 2);
  CHECK(f.count("refused_refreshes") == 1);
}

TEST_CASE("with grace the old refresh token is accepted until the new one has been used") {
  Fixture f(Rotation::grace);
  const std::string lost = f.next("seed-refresh");
  const std::string second = f.next("seed-refresh");
  CHECK(second != lost);
  const std::string third = f.next(second);
  CHECK(f.refresh_error("seed-refresh") == 20007);
  f.refresh(second);
  f.refresh(third);
  CHECK(f.refresh_error(second) == 20007);
}

TEST_CASE("without rotation the refresh token stays, and replies have none or an empty one") {
  Fixture f(Rotation::no);
  CHECK_FALSE(f.refresh("seed-refresh").contains("refresh_token"));
  CHECK_FALSE(f.refresh("seed-refresh").contains("refresh_token"));
  f.change({{"rotate", "empty"}});
  CHECK(f.next("seed-refresh") == "");
  f.change({{"rotate", "yes"}});
  CHECK(f.next("seed-refresh") != "");
  CHECK(f.refresh_error("seed-refresh") == 20007);
  CHECK(f.refresh_error("") == 20007);
}

TEST_CASE("an access token lives for as long as it was issued for, and a refresh leaves it") {
  Fixture f;
  CHECK(f.accepts("seed-access"));
  f.change({{"expires_in", 10}});
  const json data = f.refresh("seed-refresh");
  CHECK(data.at("expires_in") == 10);
  f.change({{"expires_in", 1000}});
  CHECK(f.accepts("seed-access"));
  CHECK(f.accepts(data.at("access_token")));
  CHECK(f.count("live_access_tokens") == 2);
  f.now += seconds(10);
  CHECK_FALSE(f.accepts(data.at("access_token")));
  f.now += seconds(90) - std::chrono::nanoseconds(1);
  CHECK(f.accepts("seed-access"));
  f.now += std::chrono::nanoseconds(1);
  CHECK_FALSE(f.accepts("seed-access"));
  CHECK(f.count("live_access_tokens") == 0);
}

TEST_CASE("requests with an expired token are counted, and again once it has been refused") {
  Fixture f;
  const json second = f.refresh("seed-refresh").at("access_token");
  CHECK_FALSE(f.accepts("unknown"));
  f.now += seconds(86400);
  CHECK_FALSE(f.accepts("seed-access", Endpoint::submit));
  CHECK_FALSE(f.accepts(second, Endpoint::status));
  CHECK(f.count("expired_submits") == 1);
  CHECK(f.count("expired_statuses") == 1);
  CHECK(f.count("expired_submits_again") == 0);
  CHECK(f.count("expired_statuses_again") == 0);
  CHECK_FALSE(f.accepts("seed-access", Endpoint::status));
  CHECK_FALSE(f.accepts(second, Endpoint::submit));
  CHECK_FALSE(f.accepts(second, Endpoint::submit));
  CHECK(f.count("expired_submits") == 3);
  CHECK(f.count("expired_statuses") == 2);
  CHECK(f.count("expired_submits_again") == 2);
  CHECK(f.count("expired_statuses_again") == 1);
}

TEST_CASE("a revocation voids the tokens handed out so far, and a new consent gives new ones") {
  Fixture f;
  const json data = f.exchange(f.code());
  f.change({{"revoke", true}});
  CHECK_FALSE(f.accepts(data.at("access_token")));
  CHECK_FALSE(f.accepts("seed-access"));
  CHECK(f.count("expired_statuses") == 2);
  CHECK(f.count("live_access_tokens") == 0);
  CHECK(f.refresh_error(data.at("refresh_token")) == 20007);
  CHECK(f.refresh_error("seed-refresh") == 20007);
  CHECK(f.accepts(f.refresh(f.exchange(f.code()).at("refresh_token")).at("access_token")));
}

TEST_CASE("refreshes can be refused for a while, which voids nothing") {
  Fixture f;
  f.change({{"refuse_refresh", true}});
  CHECK(f.refresh_error("seed-refresh") == 20007);
  CHECK(f.accepts("seed-access"));
  f.change({{"refuse_refresh", false}});
  f.refresh("seed-refresh");
  CHECK(f.count("refused_refreshes") == 1);
}

TEST_CASE("refreshes with one token at the same time are counted, one after the other are not") {
  Fixture f;
  { const Oauth::UnderWay alone(f.oauth, "a"); }
  {
    const Oauth::UnderWay first(f.oauth, "a");
    const Oauth::UnderWay other(f.oauth, "b");
    CHECK(f.count("concurrent_refreshes") == 0);
    const Oauth::UnderWay second(f.oauth, "a");
    CHECK(f.count("concurrent_refreshes") == 1);
  }
  const Oauth::UnderWay after(f.oauth, "a");
  CHECK(f.count("concurrent_refreshes") == 1);
}

TEST_CASE("replies without open_id and scope can be chosen") {
  OauthSettings settings = settings_of(Rotation::yes);
  settings.replies_name_grant = false;
  Fixture f(settings);
  const json data = f.refresh("seed-refresh");
  CHECK(data.size() == 4);
  CHECK_FALSE(data.contains("open_id"));
  CHECK_FALSE(data.contains("scope"));
}

TEST_CASE("tokens and codes show whether they were encoded exactly once") {
  Fixture f;
  const json data = f.exchange(f.code());
  for (const std::string& text : {data.at("access_token").get<std::string>(), f.code(),
                                  data.at("refresh_token").get<std::string>()}) {
    CHECK(percent_decoded(text) != text);
    CHECK(percent_decoded(percent_encoded(text)) == text);
  }
}

TEST_CASE("a change that makes no sense is refused with a sentence") {
  for (const json& text :
       {json(1), json::array(), json{{"rotate", "maybe"}}, json{{"rotate", true}},
        json{{"person", "sleep"}}, json{{"expires_in", -1}}, json{{"expires_in", 2'000'000'000}},
        json{{"expires_in", "x"}}, json{{"account", 1}}, json{{"scopes", nullptr}},
        json{{"refuse_refresh", 1}}, json{{"revoke", "yes"}}, json{{"rotation", "yes"}}}) {
    CAPTURE(text.dump());
    CHECK_THROWS_AS(oauth_change_from_json(text), std::invalid_argument);
  }
  CHECK_NOTHROW(oauth_change_from_json(json::object()));
}

TEST_CASE("app and known tokens are read from the command line's text") {
  OauthSettings settings;
  set_app_from_text(settings, "SX1:k:ey");
  CHECK(settings.app_id == "SX1");
  CHECK(settings.app_key == "k:ey");
  for (const char* text : {"", "SX1", ":key", "SX1:"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(set_app_from_text(settings, text), std::invalid_argument);
  }
  const SeedToken seed = seed_token_from_text("acc:ref:0");
  CHECK(seed.access_token == "acc");
  CHECK(seed.refresh_token == "ref");
  CHECK(seed.life == seconds(0));
  for (const char* text : {"", "a:b", "a:b:", ":b:1", "a::1", "a:b:-1", "a:b:1s", "a:b:2000000000",
                           "a:b:99999999999999999999"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(seed_token_from_text(text), std::invalid_argument);
  }
}

} // namespace kdq::sandbox
