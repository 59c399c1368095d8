#include "store/database.h"
#include "store/quota_ledger.h"
#include "tests/support/temp_dir.h"
#include "tests/support/user.h"

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
    CHECK(ledger.take(monday, 2, 1) == 1);
    CHECK(ledger.take(monday, 2, 1) == 1);
    CHECK(ledger.take(monday, 2, 1) == 0);
    CHECK(ledger.take(tuesday, 2, 1) == 1);
    CHECK(ledger.take(starts, 2, 1) == 1);
    CHECK(ledger.take({"other", Endpoint::submit, "2026-03-02"}, 0, 1) == 0);
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
    CHECK(ledger.take(key, 1, 1) == 1);
    CHECK(ledger.take(key, 1, 1) == 0);
    ledger.give_back(key, 1);
    CHECK(ledger.take(key, 1, 1) == 1);
    CHECK(ledger.take(key, 5, 1) == 1);
    CHECK(ledger.take(key, 1, 1) == 0);
  });
  CHECK(ledger.used(key) == 2);
}

TEST_CASE("several requests are granted at once, as far as the budget goes") {
  test::TempDir dir;
  Database database(dir.path() / "q.db");
  QuotaLedger ledger(database);
  const QuotaKey key{"default", Endpoint::status, "2026-03-02"};
  database.write([&] {
    CHECK(ledger.take(key, 10, 7) == 7);
    CHECK(ledger.take(key, 10, 7) == 3);
    CHECK(ledger.take(key, 10, 7) == 0);
    ledger.give_back(key, 4);
    CHECK(ledger.take(key, 8, 7) == 2);
    ledger.give_back(key, 0);
  });
  CHECK(ledger.used(key) == 8);
}

TEST_CASE(
    "in a restored file today is spent again, and so is the day that a late request counts on") {
  test::TempDir dir;
  Database database(dir.path() / "q.db");
  test::User user(dir.path() / "q.db");
  QuotaLedger ledger(database);
  const QuotaKey today{"default", Endpoint::submit, "2026-03-02"};
  const QuotaKey tomorrow{"default", Endpoint::submit, "2026-03-03"};
  const QuotaKey later{"default", Endpoint::submit, "2026-03-04"};
  const auto lacks = [&] {
    user.exec("DELETE FROM quota"); // as of a backup from before
    bool lacked = false;
    database.write([&] { lacked = ledger.keep_spent(); });
    return lacked;
  };
  database.write([&] {
    ledger.take(today, 10, 2);
    ledger.take(tomorrow, 10, 1);
  });
  CHECK(lacks());
  CHECK(ledger.used(today) == 2);
  CHECK(ledger.used(tomorrow) == 1);
  database.write([&] { ledger.take(later, 10, 5); });
  CHECK(lacks());
  CHECK(ledger.used(today) == 0); // long over
  CHECK(ledger.used(tomorrow) == 1);
  CHECK(ledger.used(later) == 5);
}
