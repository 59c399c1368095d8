#include "daemon/progress.h"

#include "tests/support/fake_clock.h"

#include <doctest/doctest.h>

#include <sstream>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

TEST_CASE("on a terminal one line is written anew, after two seconds") {
  FakeClock clock;
  std::ostringstream out;
  {
    Progress progress(out, true, clock);
    progress.show("copying", 1, 100);
    clock.advance(1999ms);
    progress.show("copying", 2, 100);
    CHECK(out.str().empty());
    clock.advance(1ms);
    progress.show("copying", 50, 100);
    clock.advance(199ms);
    progress.show("copying", 60, 100); // too soon to be read
    clock.advance(1ms);
    progress.show("checking", 300, 200);
  }
  CHECK(out.str() == "\rcopying: 50 %\x1b[K\rchecking: 100 %\x1b[K\n");
}

TEST_CASE("elsewhere it is a line a minute, and none of what was done sooner") {
  FakeClock clock;
  std::ostringstream out;
  {
    Progress progress(out, false, clock);
    for (int second = 0; second < 150; ++second) {
      progress.show("copying", second, 200);
      clock.advance(1s);
    }
  }
  CHECK(out.str() == "copying: 30 %\ncopying: 60 %\n");
}

TEST_CASE("of nothing none is done, and nothing is left of what was never shown") {
  FakeClock clock;
  std::ostringstream out;
  {
    Progress progress(out, true, clock);
    progress.show("copying", 0, 0);
  }
  CHECK(out.str().empty());
  Progress progress(out, false, clock);
  clock.advance(1min);
  progress.show("copying", 0, 0);
  CHECK(out.str() == "copying: 0 %\n");
}
