#include "poller/app_gate.h"
#include "tests/support/fake_clock.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace std::chrono_literals;
using kdocs_api::ServiceError;
using kdocs_api::Verdict;

namespace {

AppSettings unlimited() {
  AppSettings settings;
  settings.requests_per_second = 0;
  return settings;
}

struct Fixture {
  AppGate gate{"default", unlimited()};
  test::FakeClock clock;

  Moment now() const { return {clock.wall(), clock.steady()}; }
  bool open(Endpoint endpoint) const { return gate.opens_at(endpoint, now()) <= clock.steady(); }
  /// Sends what may be sent, up to `wanted`; returns how many.
  int send(Endpoint endpoint, int wanted) {
    int count = 0;
    gate.begin_plan();
    while (count < wanted && open(endpoint) && gate.take(endpoint, clock.steady()))
      ++count;
    for (int i = 0; i < count; ++i)
      gate.sent(endpoint, clock.steady());
    return count;
  }
  void refuse(Verdict verdict, std::optional<std::chrono::seconds> retry_after = {},
              Endpoint endpoint = Endpoint::status) {
    gate.replied(clock.steady());
    gate.refused(endpoint, ServiceError{verdict, 429, {}, "no", retry_after}, "token", now());
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a rate limit closes one endpoint for the time that the service names") {
  refuse(Verdict::pause, 1000s);
  clock.advance(999s);
  CHECK(!open(Endpoint::status));
  CHECK(open(Endpoint::submit));
  clock.advance(1s);
  CHECK(open(Endpoint::status));
}

TEST_CASE_FIXTURE(Fixture, "after a wait one request tries it out, all go once it has worked") {
  refuse(Verdict::pause, 60s);
  clock.advance(60s);
  CHECK(send(Endpoint::status, 10) == 1);
  CHECK(send(Endpoint::status, 10) == 0);
  const SteadyTime sent = clock.steady();
  clock.advance(1s);
  gate.replied(sent);
  gate.worked(Endpoint::status, sent);
  CHECK(send(Endpoint::status, 10) == 10);
  CHECK(gate.trouble().empty());
}

TEST_CASE_FIXTURE(Fixture, "a try that fails lengthens the wait") {
  refuse(Verdict::pause);
  for (const auto wait : {60s, 120s, 240s}) {
    clock.advance(wait - 1s);
    CHECK(!open(Endpoint::status));
    clock.advance(1s);
    CHECK(send(Endpoint::status, 10) == 1);
    refuse(Verdict::pause);
  }
}

TEST_CASE_FIXTURE(Fixture, "a try that was planned and not sent does not close the app for ever") {
  refuse(Verdict::pause, 60s);
  clock.advance(60s);
  gate.begin_plan();
  CHECK(gate.take(Endpoint::status, clock.steady()));
  CHECK(!open(Endpoint::status));
  gate.begin_plan(); // the transaction failed: nothing was sent
  CHECK(send(Endpoint::status, 10) == 1);
}

TEST_CASE_FIXTURE(
    Fixture, "a late success of an earlier request ends no wait, nor does a later, shorter one") {
  const SteadyTime before = clock.steady();
  clock.advance(1s);
  refuse(Verdict::pause, 3600s);
  gate.replied(before);
  gate.worked(Endpoint::status, before);
  refuse(Verdict::retry);
  clock.advance(3599s);
  CHECK(!open(Endpoint::status));
  clock.advance(1s);
  CHECK(open(Endpoint::status));
}

TEST_CASE_FIXTURE(Fixture,
                  "a blocked app sends nothing of either kind, then one try in ten minutes") {
  refuse(Verdict::blocked, {}, Endpoint::submit);
  clock.advance(9min);
  CHECK(!open(Endpoint::submit));
  CHECK(!open(Endpoint::status));
  clock.advance(1min);
  CHECK(send(Endpoint::status, 5) + send(Endpoint::submit, 5) == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "replies that leave it unknown whether a script ran stop further starts") {
  for (int i = 0; i < 10; ++i)
    refuse(Verdict::unknown_if_ran, {}, Endpoint::submit);
  CHECK(!open(Endpoint::submit));
  clock.advance(60s);
  CHECK(send(Endpoint::submit, 5) == 1);
}

TEST_CASE_FIXTURE(Fixture, "a refused token is not used again, another one is") {
  refuse(Verdict::token);
  CHECK(!gate.accepts_token("token"));
  CHECK(gate.accepts_token("another"));
}
