#include "poller/api/kdocs_tokens.h"

#include "poller/api/kdocs_api.h"

#include <doctest/doctest.h>

#include <utility>

using namespace kdq;
using namespace kdq::kdocs_api;
using namespace std::chrono_literals;

namespace {

AppSettings app() {
  AppSettings settings;
  settings.app_id = "AK 1";
  settings.base_url = "https://kdocs.test/";
  return settings;
}

TokenReply tokens_in(const std::string& body, int status = 200) {
  return std::get<TokenReply>(read_tokens({status, body, {}}));
}
TokenRefusal refusal_in(const std::string& body, int status = 200) {
  return std::get<TokenRefusal>(read_tokens({status, body, {}}));
}

} // namespace

TEST_CASE("the consent's address has the scopes as they are, and the rest encoded") {
  CHECK(consent_address(app(), "http://127.0.0.1:18765/callback",
                        "access_personal_files,edit_personal_files", "s+1") ==
        "https://kdocs.test/h5/auth?app_id=AK%201&scope=access_personal_files,edit_personal_files"
        "&redirect_uri=http%3A%2F%2F127.0.0.1%3A18765%2Fcallback&state=s%2B1");
}

TEST_CASE("a code is exchanged by GET, a token renewed by POST") {
  const HttpRequest exchange = exchange_code(app(), "k&y", "c/d");
  CHECK(exchange.method == HttpRequest::Method::get);
  CHECK(exchange.url ==
        "https://kdocs.test/api/v1/oauth2/access_token?code=c%2Fd&app_id=AK%201&app_key=k%26y");
  const HttpRequest renewal = refresh_token(app(), "k\"y", "r1");
  CHECK(renewal.method == HttpRequest::Method::post);
  CHECK(renewal.url == "https://kdocs.test/api/v1/oauth2/refresh_token?app_id=AK%201");
  CHECK(renewal.body == R"({"app_key":"k\"y","refresh_token":"r1"})");
}

TEST_CASE("a reply with tokens, as far as it says something") {
  const TokenReply all = tokens_in(
      R"({"code":0,"result":"ok","data":{"access_token":"a","refresh_token":"r","expires_in":60,)"
      R"("app_id":"AK1","open_id":"u","scope":"x y"}})");
  CHECK(all.access_token == "a");
  CHECK(all.refresh_token == "r");
  CHECK(all.expires_in == 60s);
  CHECK(all.app_id == "AK1");
  CHECK(all.account == "u");
  CHECK(all.scopes == "x,y");
  const TokenReply least = tokens_in(R"({"data":{"access_token":"a","refresh_token":""}})");
  CHECK(least.refresh_token.empty());
  CHECK(least.expires_in == token_life);
  CHECK(tokens_in(R"({"code":0,"accessToken":"a","scopes":["x","y"]})").scopes == "x,y");
}

TEST_CASE("a refusal that repeats the request's address does not repeat its secrets") {
  const std::string url = exchange_code(app(), "k&y-SECRET", "c/d-SECRET").url;
  const std::string sentence =
      refusal_in(R"({"code":404,"msg":"Cannot GET )" + url + "\"}", 404).sentence;
  CAPTURE(sentence);
  CHECK(sentence.find("Cannot GET") != std::string::npos);
  CHECK(sentence.find("SECRET") == std::string::npos);
}

TEST_CASE("what is too long for a reply with tokens is none, and an account's name is left out") {
  const std::string longest(max_account_bytes, 'u');
  const auto account_in = [](const std::string& name) {
    return tokens_in(R"({"data":{"access_token":"a","open_id":")" + name + "\"}}").account;
  };
  CHECK(account_in(longest) == longest);
  CHECK(account_in(longest + "u").empty()); // a store that has it could not be read again
  const std::string body = R"({"data":{"access_token":"a"}})";
  CHECK(tokens_in(body + std::string(max_token_reply_bytes - body.size(), ' ')).access_token ==
        "a");
  CHECK(!refusal_in(body + std::string(max_token_reply_bytes, ' ')).for_good);
}

TEST_CASE("a life that cannot be one is the usual one, or the longest") {
  for (const char* life : {"-1", "0", "\"60\"", "null", "[]"})
    CHECK(tokens_in(std::string(R"({"data":{"access_token":"a","expires_in":)") + life + "}}")
              .expires_in == token_life);
  CHECK(tokens_in(R"({"data":{"access_token":"a","expires_in":1e300}})").expires_in ==
        std::chrono::days(366));
}

TEST_CASE("what is no token is not taken for one; the reply is nobody's, and passes") {
  const std::string longest(max_token_bytes, 'x');
  CHECK(tokens_in(R"({"data":{"access_token":")" + longest + "\"}}").access_token == longest);
  for (const std::string& token :
       {std::string("\"\""), "\"" + longest + "x\"", std::string("1.5e3"), std::string(R"("a b")"),
        std::string(R"("é")"), std::string("null"), std::string("{}")}) {
    CAPTURE(token);
    if (token != "1.5e3") // a number is as good as a text
      CHECK(!refusal_in(R"({"code":0,"data":{"access_token":)" + token + "}}").for_good);
  }
  CHECK(!refusal_in("<html>").for_good);
  CHECK(!refusal_in("[]").for_good);
  CHECK(!refusal_in("").for_good);
  CHECK(tokens_in(R"({"data":{"access_token":"a","refresh_token":"b c"}})").refresh_token.empty());
}

TEST_CASE("what the service refuses is refused for good, its own troubles pass") {
  struct Row {
    const char* body;
    int status;
    bool for_good;
    const char* says;
  };
  const Row rows[] = {
      {R"({"code":20007,"result":"AccessTokenInvalid","msg":"void"})", 200, true,
       "AccessTokenInvalid (code 20007): void"},
      {R"({"code":10001,"result":"InvalidArgument"})", 400, true, "InvalidArgument (code 10001)"},
      {R"({"code":4711,"result":"Odd","message":"who knows"})", 200, true,
       "Odd (code 4711): who knows"},
      {R"({"code":"20007"})", 200, true, "AccessTokenInvalid (code 20007)"},
      {R"({"code":30004.0})", 200, false, "InternalError (code 30004)"},
      {R"({"code":"x"})", 200, true, "a code that is no number"},
      {R"({"code":true})", 200, true, "a code that is no number"},
      {"", 400, true, "HTTP 400"},
      {"", 404, true, "HTTP 404"},
      {R"({"code":30004})", 200, false, "InternalError (code 30004)"},
      {R"({"code":-1})", 200, false, "Unknown (code -1)"},
      {R"({"code":30002})", 200, false, "RateLimiter (code 30002)"},
      {R"({"code":40008})", 200, false, "AccountUpgrading (code 40008)"},
      {"", 429, false, "HTTP 429"},
      {"gateway", 502, false, "HTTP 502"},
      {"", 503, false, "HTTP 503"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.body);
    CAPTURE(row.status);
    const TokenRefusal refusal = refusal_in(row.body, row.status);
    CHECK(refusal.for_good == row.for_good);
    CHECK(refusal.sentence == row.says);
  }
}

TEST_CASE("what a refusal asks to wait is brought into bounds, whatever it refuses") {
  const auto asked = [](std::string body, int status, std::chrono::seconds retry_after) {
    return std::get<TokenRefusal>(read_tokens({status, std::move(body), retry_after})).retry_after;
  };
  for (const auto& [body, code] : {std::pair("", 429), std::pair("<html>", 200)}) {
    const int status = code;
    CAPTURE(status);
    CHECK(asked(body, status, 7s) == 7s);
    CHECK(asked(body, status, 0s) == 1s);
    CHECK(asked(body, status, std::chrono::seconds::max()) == longest_retry_after);
  }
  CHECK_FALSE(refusal_in("", 429).retry_after);
}

TEST_CASE("a refusal shows no secret that it names") {
  const TokenRefusal refusal =
      refusal_in(R"({"code":20007,"msg":"refresh_token: r3fresh-s3cret, app_key=k3y-s3cret"})");
  CHECK(refusal.sentence.find("s3cret") == std::string::npos);
}
