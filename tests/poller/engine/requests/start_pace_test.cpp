#include "poller/engine/requests/start_pace.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

constexpr SteadyTime start{1h};

} // namespace

TEST_CASE(
    "a large round of starts that meets no poll is followed by a rest of a part of its time") {
  StartPace pace;
  pace.begun(32, false, start);
  pace.begun(32, false, start);
  CHECK(!pace.rests_until(start)); // the round is still being filled
  CHECK(pace.rests_until(start + 10ms) == start + 17ms);
  CHECK(pace.rests_until(start + 16ms) == start + 17ms);
  CHECK(!pace.rests_until(start + 17ms));
  CHECK(!pace.rests_until(start + 18ms));
}

TEST_CASE("small rounds, rounds with polls and slow rounds are followed by no rest") {
  struct Row {
    const char* what;
    std::size_t starts;
    bool polls;
    std::chrono::milliseconds took;
  };
  for (const Row& row : {Row{"small", 23, false, 10ms}, Row{"with polls", 64, true, 10ms},
                         Row{"slow", 64, false, 51ms}}) {
    CAPTURE(row.what);
    StartPace pace;
    pace.begun(row.starts, row.polls, start);
    CHECK(!pace.rests_until(start + row.took));
  }
}

TEST_CASE("polls that are begun between two rounds of starts make up for them") {
  StartPace pace;
  pace.begun(64, false, start);
  pace.begun(0, true, start + 5ms);
  CHECK(!pace.rests_until(start + 10ms));
}

TEST_CASE("nothing begun is no round") {
  StartPace pace;
  pace.begun(0, true, start);
  CHECK(!pace.rests_until(start + 1ms));
  pace.begun(64, false, start + 2ms); // counts from here
  CHECK(pace.rests_until(start + 12ms) == start + 19ms);
}
