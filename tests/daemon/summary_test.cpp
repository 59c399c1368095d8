#include "daemon/summary.h"

#include <doctest/doctest.h>

using namespace kdq;

TEST_CASE("numbers are grouped by thousands") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1 000");
  CHECK(grouped(1234567) == "1 234 567");
  CHECK(grouped(-100) == "-100");
  CHECK(grouped(-1000) == "-1 000");
}

TEST_CASE("the status line says what runs, what waits and what may still be asked today") {
  EngineStatus status;
  status.running = 12;
  status.queued = 340;
  status.polls_left = 8432;
  status.polls_allowed = 10'000;
  CHECK(status_line(status) == "12 running, 340 queued, 8 432 of 10 000 polls left today");
  status.unsaved_replies = 2;
  status.trouble = "the disk is full";
  CHECK(status_line(status) == "12 running, 340 queued, 8 432 of 10 000 polls left today, "
                               "2 replies not stored yet; the disk is full");
}
