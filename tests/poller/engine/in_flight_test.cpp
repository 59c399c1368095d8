#include "poller/engine/in_flight.h"

#include <doctest/doctest.h>

using namespace kdq;

namespace {

InFlight of(Endpoint endpoint, std::int64_t job) {
  InFlight request;
  request.intent.job = JobId{job};
  request.intent.endpoint = endpoint;
  request.paid_from.app = "a";
  return request;
}

} // namespace

TEST_CASE("requests are numbered, and each is handed out to one reply") {
  InFlightTable table;
  const RequestId start = table.add(of(Endpoint::submit, 5));
  const RequestId poll = table.add(of(Endpoint::status, 6));
  CHECK(start != poll);
  const auto answered = table.answered(start);
  REQUIRE(answered);
  CHECK(answered->intent.job == JobId{5});
  CHECK(answered->id == start);
  CHECK(!table.answered(start)); // a second reply
  CHECK(!table.answered(RequestId{4711}));
  CHECK(!table.answered(RequestId{}));
}

TEST_CASE("a request is under way until its answer is stored") {
  InFlightTable table;
  const RequestId start = table.add(of(Endpoint::submit, 5));
  table.add(of(Endpoint::status, 6));
  table.add(of(Endpoint::status, 7));
  table.answered(start);
  CHECK(table.size() == 3);
  CHECK(table.count(Endpoint::submit, "a") == 1);
  table.remove(start);
  table.remove(start);
  CHECK(table.size() == 2);
  CHECK(table.count(Endpoint::submit, "a") == 0);
  CHECK(table.count(Endpoint::status, "a") == 2);
  CHECK(table.add(of(Endpoint::submit, 5)) != start); // no number comes twice
}

TEST_CASE("a request whose answer is not stored for long takes no place") {
  InFlightTable table;
  const RequestId poll = table.add(of(Endpoint::status, 6));
  table.add(of(Endpoint::status, 7));
  table.answered(poll);
  table.set_aside(poll);
  table.set_aside(poll);
  CHECK(table.size() == 1);
  CHECK(table.count(Endpoint::status, "a") == 1);
  CHECK(table.all().size() == 2); // what it was paid from counts still
  table.remove(poll);
  CHECK(table.size() == 1);
  CHECK(table.count(Endpoint::status, "a") == 1);
}

TEST_CASE("what comes in answer to a request that was given up is known once as such") {
  InFlightTable table;
  const RequestId given_up = table.add(of(Endpoint::status, 6));
  const RequestId kept = table.add(of(Endpoint::status, 7));
  table.abandon(given_up);
  CHECK(table.count(Endpoint::status, "a") == 1);
  CHECK(!table.answered(given_up));
  CHECK(table.answers_abandoned(given_up));
  CHECK(!table.answers_abandoned(given_up));
  CHECK(!table.answers_abandoned(kept));
  REQUIRE(table.all().size() == 1);
  CHECK(table.all().front().id == kept);
}
