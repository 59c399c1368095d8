#include "poller/engine/requests/shares.h"

#include <doctest/doctest.h>

using namespace kdq;

TEST_CASE("one app has all places") {
  Shares shares(10);
  shares.keep_for("a", 4);
  CHECK(shares.room("a") == 6);
  shares.take("a");
  CHECK(shares.room("a") == 5);
}

TEST_CASE("a part is kept for each other app until it has taken it") {
  Shares shares(12);
  shares.keep_for("a", 0);
  shares.keep_for("b", 0);
  shares.keep_for("c", 0);
  CHECK(shares.room("a") == 8); // two are kept for each of the others
  for (int i = 0; i < 8; ++i)
    shares.take("a");
  CHECK(shares.room("a") == 0);
  CHECK(shares.room("b") == 2);
  shares.take("b");
  shares.take("b");
  CHECK(shares.room("b") == 0);
  CHECK(shares.room("c") == 2);
}

TEST_CASE("of few places none is kept, and nobody is locked out") {
  Shares shares(1);
  shares.keep_for("a", 0);
  shares.keep_for("b", 0);
  CHECK(shares.room("a") == 1);
  CHECK(shares.room("b") == 1);
}

TEST_CASE("more may be taken than there are places: there is no room then") {
  Shares shares(4);
  shares.keep_for("a", 10);
  shares.keep_for("b", 0);
  CHECK(shares.room("a") == 0);
  CHECK(shares.room("b") == 0);
}

TEST_CASE("an app that no part is kept for takes what is free") {
  Shares shares(8);
  shares.keep_for("a", 1);
  CHECK(shares.room("x") == 4);
  shares.take("x");
  CHECK(shares.room("x") == 3);
}
