#include "poller/schedule/price_ladder.h"

#include <doctest/doctest.h>

using namespace kdq;

TEST_CASE("the ladder's rung of a price is the highest that is not dearer") {
  for (int rung = 0; rung <= price_ladder::top; ++rung)
    CHECK(price_ladder::rung_below(price_ladder::price(rung)) == rung);
  CHECK(price_ladder::rung_below(Seconds(0)) == 0);
  CHECK(price_ladder::rung_below(Seconds(1e9)) == price_ladder::top);
}
