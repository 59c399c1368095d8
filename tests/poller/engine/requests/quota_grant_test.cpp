#include "poller/engine/requests/quota_grant.h"

#include "poller/engine/in_flight.h"
#include "store/database.h"
#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>

using namespace kdq;

TEST_CASE("a grant pays what the day has left, app by app, and gives the rest back") {
  test::TempDir dir;
  Database database(dir / "queue.db");
  QuotaLedger ledger(database);
  const InFlightTable in_flight;
  const QuotaKey a{"a", Endpoint::status, "2126-03-02"};
  const QuotaKey b{"b", Endpoint::status, "2126-03-02"};
  database.write([&] {
    ledger.take(a, 10, 8);
    QuotaGrant grant(ledger, in_flight);
    for (int i = 0; i < 3; ++i) {
      grant.want(a, 10);
      grant.want(b, 10);
    }
    grant.fill();
    CHECK(grant.pay("a"));
    CHECK(grant.pay("a"));
    CHECK(!grant.pay("a"));
    grant.unpay("a");
    CHECK(grant.pay("a"));
    CHECK(grant.pay("b"));
    CHECK(grant.key("b") == b);
    grant.give_rest_back();
    CHECK(ledger.used(a) == 10);
    CHECK(ledger.used(b) == 1);
  });
}

TEST_CASE("what is on its way since yesterday keeps its part of today until its reply is stored") {
  test::TempDir dir;
  Database database(dir / "queue.db");
  QuotaLedger ledger(database);
  InFlightTable in_flight;
  const QuotaKey today{"a", Endpoint::submit, "2126-03-03"};
  const auto add = [&](const QuotaKey& paid_from) {
    InFlight request;
    request.intent.endpoint = paid_from.endpoint;
    request.paid_from = paid_from;
    return in_flight.add(request);
  };
  const RequestId late = add({"a", Endpoint::submit, "2126-03-02"});
  add(today);
  add({"a", Endpoint::status, "2126-03-02"});
  add({"b", Endpoint::submit, "2126-03-02"});
  const auto granted = [&](int wanted) {
    int paid = 0;
    database.write([&] {
      QuotaGrant grant(ledger, in_flight);
      for (int i = 0; i < wanted; ++i)
        grant.want(today, 3);
      grant.fill();
      while (grant.pay("a"))
        ++paid;
      grant.give_rest_back();
    });
    return paid;
  };
  CHECK(granted(5) == 2);
  CHECK(ledger.used(today) == 2);
  CHECK(granted(5) == 0);
  CHECK(ledger.used(today) == 2);
  in_flight.remove(late);
  CHECK(granted(5) == 1);
  CHECK(ledger.used(today) == 3);
}
