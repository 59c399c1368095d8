#include "daemon/web/zone_time.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::web;

TEST_CASE("a time is shown as the clocks of its zone show it") {
  const WallTime winter = *parse_time("2026-01-31 17:30:00.250");
  const WallTime summer = *parse_time("2026-07-31 17:30:00");
  CHECK(zone_time("Asia/Shanghai", winter) == "2026-02-01 01:30 +0800");
  CHECK(zone_time("America/New_York", winter) == "2026-01-31 12:30 -0500");
  CHECK(zone_time("America/New_York", summer) == "2026-07-31 13:30 -0400");
  CHECK(zone_time("Asia/Kathmandu", winter) == "2026-01-31 23:15 +0545");
}

TEST_CASE("what is no zone has no time") {
  for (const char* zone : {"", "Nowhere/Land", "../../../etc/passwd", "/etc/localtime", "Asia"}) {
    CAPTURE(zone);
    CHECK(zone_time(zone, *parse_time("2026-01-31 17:30:00")).empty());
  }
}
