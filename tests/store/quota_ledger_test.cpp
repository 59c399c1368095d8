#include "store/database.h"
#include "store/quota_ledger.h"
#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>

using namespace kdq;

TEST_CASE("the ledger grants what is left of a day's budget and not one more") {
  test::TempDir dir;
  Database database(dir.path() / "q.db");
  QuotaLedger ledger(database);
  const QuotaKey monday{"default", Endpoint::status, "2026-03-02"};
  const QuotaKey tuesday{"default", Endpoint::status, "2026-03-03"};
  const QuotaKey starts{"default", Endpoint::submit, "2026-03-02"};
  database.write([&] {
    CHECK(ledger.take(monday, 2));
    CHECK(ledger.take(monday, 2));
    CHECK(!ledger.take(monday, 2));
    CHECK(ledger.take(tuesday, 2));
    CHECK(ledger.take(starts, 2));
    CHECK(!ledger.take({"other", Endpoint::submit, "2026-03-02"}, 0));
  });
  CHECK(ledger.used(monday) == 2);
  CHECK(ledger.used(tuesday) == 1);
  CHECK(ledger.used({"other", Endpoint::submit, "2026-03-02"}) == 0);
}

TEST_CASE("what was not sent is given back, a changed quota counts from the next request") {
  test::TempDir dir;
  Database database(dir.path() / "q.db");
  QuotaLedger ledger(database);
  const QuotaKey key{"default", Endpoint::submit, "2026-03-02"};
  database.write([&] {
    CHECK(ledger.take(key, 1));
    CHECK(!ledger.take(key, 1));
    ledger.give_back(key);
    CHECK(ledger.take(key, 1));
    CHECK(ledger.take(key, 5));
    CHECK(!ledger.take(key, 1));
  });
  CHECK(ledger.used(key) == 2);
}
