#include "poller/engine/app_tokens.h"

#include "poller/quota/circuit_breaker.h"
#include "poller/tokens.h"
#include "tests/support/fake_clock.h"

#include <doctest/doctest.h>

using namespace kdq;

namespace {

struct Fixture : Tokens {
  std::variant<std::string, TokenProblem> in_file = std::string("first");
  int reads = 0;
  test::FakeClock clock;
  CircuitBreaker breaker{"default", AppSettings{}, 1};
  AppTokens tokens{*this};

  std::variant<std::string, TokenProblem> token(const std::string&) override {
    ++reads;
    return in_file;
  }
  std::string usable() {
    const std::string* token = tokens.usable(breaker, clock.steady());
    return token ? *token : "none";
  }
  bool passes() const {
    const Moment now = clock.now();
    return breaker.blocked_until(Endpoint::status, now) <= now.steady;
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a token is read once a round: requests of one round have the same") {
  CHECK(usable() == "first");
  in_file = std::string("second");
  CHECK(usable() == "first");
  CHECK(tokens.of("default") == "first");
  CHECK(reads == 1);
  tokens.begin_round();
  CHECK(usable() == "second");
  CHECK(reads == 2);
}

TEST_CASE_FIXTURE(Fixture, "without a usable token the breaker knows, until there is one") {
  in_file = TokenProblem{"the file is empty"};
  CHECK(usable() == "none");
  CHECK(usable() == "none");
  CHECK(reads == 1);
  CHECK(!passes());
  in_file = std::string("fresh");
  tokens.begin_round();
  CHECK(usable() == "fresh");
}
