#include "poller/engine/requests/quota_grant.h"

#include "store/database.h"
#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>

using namespace kdq;

TEST_CASE("a grant pays what the day has left, app by app, and gives the rest back") {
  test::TempDir dir;
  Database database(dir / "queue.db");
  QuotaLedger ledger(database);
  const QuotaKey a{"a", Endpoint::status, "2126-03-02"};
  const QuotaKey b{"b", Endpoint::status, "2126-03-02"};
  database.write([&] {
    ledger.take(a, 10, 8);
    QuotaGrant grant(ledger);
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
