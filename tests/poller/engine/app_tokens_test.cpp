#include "poller/engine/app_tokens.h"

#include "poller/api/kdocs_api.h"
#include "poller/engine/app_state.h"
#include "poller/schedule/price_schedule.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_tokens.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

struct Fixture : test::FakeTokens {
  int reads = 0;
  test::FakeClock clock;
  AppState app{"default", with_login(), 1};
  AppTokens tokens{*this};

  static AppSettings with_login() {
    AppSettings settings;
    settings.app_id = "AK1";
    settings.login = "kdocs-queued login";
    return settings;
  }

  const std::variant<TokenGrant, TokenProblem>& grant(const std::string& name) override {
    ++reads;
    return FakeTokens::grant(name);
  }
  std::string usable() {
    tokens.begin_round();
    return usable_again();
  }
  std::string usable_again() {
    const std::string* token = tokens.usable(app, clock.now());
    return token ? *token : "none";
  }
  bool passes() const {
    const Moment now = clock.now();
    return app.breaker.blocked_until(Endpoint::status, now) <= now.steady;
  }
  std::string reason() const { return app.breaker.wait(Endpoint::status, clock.now())->reason; }
  bool has(const std::string& part) const { return reason().find(part) != std::string::npos; }
  TokenGrant& granted() { return std::get<TokenGrant>(current); }
  void refuse() {
    kdocs_api::ServiceError error;
    error.error_class = kdocs_api::ErrorClass::token;
    const Moment now = clock.now();
    app.breaker.refused(Endpoint::status, error, granted().access_token, "2126-03-02", now.steady,
                        now);
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a token is read once a round: requests of one round have the same") {
  current = lone_token("first");
  CHECK(usable() == "first");
  current = lone_token("second");
  CHECK(usable_again() == "first");
  CHECK(tokens.of("default") == "first");
  CHECK(reads == 1);
  CHECK(usable() == "second");
  CHECK(reads == 2);
}

TEST_CASE_FIXTURE(Fixture, "without a usable token the breaker knows, until there is one") {
  current = TokenProblem{"the file is empty"};
  CHECK(usable() == "none");
  CHECK(usable_again() == "none");
  CHECK(reads == 1);
  CHECK(!passes());
  CHECK(app.breaker.needs_person());
  current = lone_token("fresh");
  CHECK(usable() == "fresh");
}

TEST_CASE_FIXTURE(Fixture, "what has run out is not sent, and waits for the renewal or a person") {
  granted().expires_at = clock.wall() + 1ms;
  granted().refresh_token = "refresh";
  CHECK(usable() == "secret-token");
  granted().expires_at = clock.wall();
  CHECK(usable() == "none");
  CHECK(reason() == "the access token has run out and is being renewed");
  CHECK(!app.breaker.needs_person());
  app.token.trouble = "it cannot be renewed";
  app.token.needs_person = true;
  CHECK(usable() == "none");
  CHECK(reason() == "it cannot be renewed");
  CHECK(app.breaker.needs_person());
  app.token = {};
  granted().refresh_token.clear();
  CHECK(usable() == "none");
  CHECK(has("the access token has run out, and it cannot be renewed: a person has to consent: "
            "kdocs-queued login"));
}

TEST_CASE_FIXTURE(Fixture, "what the service refused is not sent again") {
  granted().refresh_token = "refresh";
  refuse();
  CHECK(usable() == "none");
  CHECK(reason() == "KDocs refuses the access token; it is being renewed");
  app.token.trouble = "it cannot be renewed";
  CHECK(usable() == "none");
  CHECK(reason() == "it cannot be renewed");
  app.token = {};
  granted().refresh_token.clear();
  CHECK(usable() == "none");
  CHECK(has("KDocs refuses the access token, and it cannot be renewed: a person has to consent: "
            "kdocs-queued login"));
  granted().access_token = "another";
  CHECK(usable() == "another");
}
