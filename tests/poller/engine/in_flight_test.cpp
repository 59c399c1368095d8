#include "poller/engine/in_flight.h"

#include <doctest/doctest.h>

using namespace kdq;

namespace {

InFlight of(Endpoint endpoint, std::int64_t job) {
  InFlight request;
  request.intent.job = JobId{job};
  request.intent.endpoint = endpoint;
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
  CHECK(table.count(Endpoint::submit) == 1);
  table.remove(start);
  table.remove(start);
  CHECK(table.size() == 2);
  CHECK(table.count(Endpoint::submit) == 0);
  CHECK(table.count(Endpoint::status) == 2);
  CHECK(table.add(of(Endpoint::submit, 5)) != start); // no number comes twice
}
