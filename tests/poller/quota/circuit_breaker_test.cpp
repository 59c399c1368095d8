#include "poller/quota/circuit_breaker.h"

#include "poller/api/kdocs_api.h"
#include "tests/support/fake_clock.h"

#include <doctest/doctest.h>

#include <set>

using namespace kdq;
using namespace std::chrono_literals;
using kdocs_api::ErrorClass;
using kdocs_api::ServiceError;

namespace {

AppSettings unlimited() {
  AppSettings settings;
  settings.requests_per_second = 0;
  return settings;
}

struct Fixture {
  CircuitBreaker breaker{"default", unlimited(), 1};
  test::FakeClock clock;

  Moment now() const { return {clock.wall(), clock.steady()}; }
  bool passes(Endpoint endpoint) const {
    return breaker.blocked_until(endpoint, now()) <= clock.steady();
  }
  /// Sends what may be sent, up to `wanted`; returns how many.
  int send(Endpoint endpoint, int wanted) {
    int count = 0;
    breaker.begin_plan();
    while (count < wanted && passes(endpoint) && breaker.take(endpoint, clock.steady()))
      ++count;
    for (int i = 0; i < count; ++i)
      breaker.sent(endpoint, clock.steady());
    return count;
  }
  void refuse(ErrorClass error_class, std::optional<std::chrono::seconds> retry_after = {},
              Endpoint endpoint = Endpoint::status) {
    refuse_sent_at(clock.steady(), error_class, retry_after, endpoint);
  }
  void refuse_sent_at(SteadyTime sent_at, ErrorClass error_class,
                      std::optional<std::chrono::seconds> retry_after, Endpoint endpoint) {
    breaker.replied(sent_at);
    breaker.refused(endpoint, ServiceError{error_class, 429, {}, "no", retry_after}, "token",
                    breaker.day(clock.wall()).name, sent_at, now());
  }
  std::string why(Endpoint endpoint) const {
    const auto found = breaker.wait(endpoint, now());
    return found ? found->reason : "";
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a rate limit blocks one endpoint for the time that the service names") {
  refuse(ErrorClass::pause, 1000s);
  clock.advance(999s);
  CHECK(!passes(Endpoint::status));
  CHECK(passes(Endpoint::submit));
  clock.advance(1s);
  CHECK(passes(Endpoint::status));
}

TEST_CASE_FIXTURE(Fixture, "after a pause one trial request is sent, all go once it has worked") {
  refuse(ErrorClass::pause, 60s);
  clock.advance(60s);
  CHECK(send(Endpoint::status, 10) == 1);
  CHECK(send(Endpoint::status, 10) == 0);
  const SteadyTime sent = clock.steady();
  clock.advance(1s);
  breaker.replied(sent);
  breaker.worked(Endpoint::status, sent, clock.wall());
  CHECK(send(Endpoint::status, 10) == 10);
  CHECK(why(Endpoint::status).empty());
}

TEST_CASE_FIXTURE(Fixture, "a trial that fails lengthens the pause") {
  refuse(ErrorClass::later);
  for (const auto wait : {60s, 120s, 240s}) {
    clock.advance(wait - 1s);
    CHECK(!passes(Endpoint::status));
    clock.advance(1s);
    CHECK(send(Endpoint::status, 10) == 1);
    clock.advance(1s); // later than the pause began
    refuse(ErrorClass::later);
  }
}

TEST_CASE_FIXTURE(Fixture,
                  "a trial that was planned and not sent does not block the app for ever") {
  refuse(ErrorClass::pause, 60s);
  clock.advance(60s);
  breaker.begin_plan();
  CHECK(breaker.take(Endpoint::status, clock.steady()));
  CHECK(!passes(Endpoint::status));
  breaker.begin_plan(); // the transaction failed: nothing was sent
  CHECK(send(Endpoint::status, 10) == 1);
}

TEST_CASE_FIXTURE(
    Fixture, "a late success of an earlier request ends no pause, nor does a later, shorter one") {
  const SteadyTime before = clock.steady();
  clock.advance(1s);
  refuse(ErrorClass::pause, 3600s);
  breaker.replied(before);
  breaker.worked(Endpoint::status, before, clock.wall());
  refuse(ErrorClass::retry);
  clock.advance(3599s);
  CHECK(!passes(Endpoint::status));
  clock.advance(1s);
  CHECK(passes(Endpoint::status));
}

TEST_CASE_FIXTURE(Fixture,
                  "a blocked app sends nothing of either kind, then one trial in ten minutes") {
  refuse(ErrorClass::blocked, {}, Endpoint::submit);
  clock.advance(9min);
  CHECK(!passes(Endpoint::submit));
  CHECK(!passes(Endpoint::status));
  clock.advance(1min);
  CHECK(send(Endpoint::status, 5) + send(Endpoint::submit, 5) == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "replies that leave it unknown whether a script ran stop further starts") {
  for (int i = 0; i < 10; ++i)
    refuse(ErrorClass::unknown_if_ran, {}, Endpoint::submit);
  CHECK(!passes(Endpoint::submit));
  clock.advance(60s);
  CHECK(send(Endpoint::submit, 5) == 1);
}

TEST_CASE_FIXTURE(Fixture, "a refused token is not used again, another one is") {
  refuse(ErrorClass::token);
  CHECK(!breaker.accepts_token("token"));
  CHECK(breaker.accepts_token("another"));
}

TEST_CASE_FIXTURE(Fixture, "a limit without an end blocks one endpoint until the day rolls") {
  const WallTime ends = breaker.day(clock.wall()).ends;
  refuse(ErrorClass::pause);
  CHECK(breaker.wait(Endpoint::status, now())->until == ends);
  CHECK(why(Endpoint::status).find("others use this app") != std::string::npos);
  CHECK(passes(Endpoint::submit));
  clock.advance(ends - clock.wall() - 1ms);
  CHECK(!passes(Endpoint::status));
  clock.advance(1ms);
  CHECK(why(Endpoint::status).empty());
  CHECK(send(Endpoint::status, 10) == 1); // whether the service's day has rolled as well
  breaker.replied(clock.steady());
  breaker.worked(Endpoint::status, clock.steady(), clock.wall());
  CHECK(send(Endpoint::status, 10) == 10);
}

TEST_CASE_FIXTURE(Fixture, "refused on the new day as well, it tries one request in ten minutes") {
  const SteadyTime burst = clock.steady();
  refuse(ErrorClass::pause);
  refuse_sent_at(burst, ErrorClass::pause, {}, Endpoint::status); // the same burst
  clock.advance(breaker.day(clock.wall()).ends - clock.wall());
  CHECK(send(Endpoint::status, 10) == 1);
  const ServiceError refusal{ErrorClass::pause, 429, {}, "no", {}};
  CHECK(!breaker.spent_by_others(Endpoint::status, refusal, breaker.day(clock.wall()).name,
                                 clock.wall())); // the new day's ledger is not touched
  refuse(ErrorClass::pause);
  CHECK(!why(Endpoint::status).empty());
  clock.advance(10min - 1ms);
  CHECK(!passes(Endpoint::status));
  clock.advance(1ms);
  CHECK(send(Endpoint::status, 10) == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "a spent day ends where the wall clock says, be it set forward or back") {
  breaker.quota_spent(Endpoint::submit, clock.wall());
  CHECK(!passes(Endpoint::submit));
  CHECK(why(Endpoint::submit).find("starts are used up") != std::string::npos);
  clock.step_wall(24h);
  CHECK(passes(Endpoint::submit));
  clock.step_wall(-24h);
  CHECK(!passes(Endpoint::submit));
}

TEST_CASE_FIXTURE(Fixture, "of two reasons the one that lasts is told, with its end") {
  breaker.quota_spent(Endpoint::submit, clock.wall());
  const std::string ends = to_text(breaker.day(clock.wall()).ends).substr(0, 19) + " UTC";
  const std::string spent = "today's 500 starts are used up until " + ends;
  CHECK(why(Endpoint::submit) == spent);
  breaker.unreachable("no route", clock.steady());
  CHECK(why(Endpoint::submit) == spent);
  CHECK(why(Endpoint::status) == "no answer from KDocs: no route");
  breaker.no_token("no token", true, clock.steady());
  CHECK(why(Endpoint::submit) == "no token"); // somebody must act, whatever the day has left
}

TEST_CASE_FIXTURE(Fixture, "a wait that the service asked for is told with its end") {
  refuse(ErrorClass::pause, 1000s);
  CHECK(why(Endpoint::status) ==
        "no; it asked to wait until " + to_text(clock.wall() + 1000s).substr(0, 19) + " UTC");
}

TEST_CASE_FIXTURE(Fixture, "waits after failures are drawn anew, within their bound") {
  std::set<std::chrono::milliseconds> waits;
  for (int i = 0; i < 20; ++i) {
    breaker.unreachable("no route", clock.steady());
    const auto wait = breaker.blocked_until(Endpoint::submit, now()) - clock.steady();
    CHECK(wait > 0ms);
    CHECK(wait <= 60s);
    waits.insert(wait);
    clock.advance(wait);
  }
  CHECK(waits.size() > 10);
}

TEST_CASE_FIXTURE(Fixture, "a refusal just after the roll does not block the new day") {
  const ServiceError refusal{ErrorClass::pause, 429, {}, "no", {}};
  clock.advance(breaker.day(clock.wall()).ends - clock.wall());
  const std::string today = breaker.day(clock.wall()).name;
  CHECK(!breaker.spent_by_others(Endpoint::submit, refusal, today, clock.wall()));
  refuse(ErrorClass::pause, {}, Endpoint::submit);
  clock.advance(10min);
  CHECK(send(Endpoint::submit, 10) == 1);
  breaker.replied(clock.steady());
  breaker.worked(Endpoint::submit, clock.steady(), clock.wall());
  CHECK(breaker.spent_by_others(Endpoint::submit, refusal, today, clock.wall()));
  CHECK(!breaker.spent_by_others(Endpoint::submit, refusal, "yesterday", clock.wall()));
}

TEST_CASE_FIXTURE(
    Fixture, "settings that change keep what the service asked for, unless it is another one") {
  AppSettings settings = unlimited();
  refuse(ErrorClass::pause, 1000s);
  settings.submit_quota = 7;
  breaker.configure(settings, clock.steady());
  CHECK(breaker.allowed(Endpoint::submit) == 7);
  CHECK(!passes(Endpoint::status));
  settings.base_url = "https://another.test";
  breaker.configure(settings, clock.steady());
  CHECK(passes(Endpoint::status));
  refuse(ErrorClass::blocked);
  CHECK(!passes(Endpoint::submit));
  settings.status_path = "/another";
  breaker.configure(settings, clock.steady());
  CHECK(send(Endpoint::submit, 10) == 1); // one tries it
}
