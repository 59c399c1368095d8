#include "poller/schedule/schedule_replay.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace std::chrono_literals;

TEST_CASE("runs and open tasks are told again in the order of time") {
  const SteadyTime start{};
  const RunTime minute{0s, 1min, 1min};
  const ScheduleReplay replay(
      {{"f:name", 2, start + 30s, minute},
       {"s:b", 2, start + 30s, minute},
       {"s:a", 1, start, minute}},
      {{{9}, {"c", ""}, start + 90s, std::nullopt}, {{8}, {"c", ""}, start + 10s, std::nullopt}});
  REQUIRE(replay.runs().size() == 2);
  CHECK(replay.runs()[1].keys == std::vector<std::string>{"s:b", "f:name"});
  CHECK(replay.next_seq() == 3);
  using Kind = ScheduleReplay::Event::Kind;
  const std::vector<std::pair<Kind, std::size_t>> expected{{Kind::start, 0}, {Kind::open, 0},
                                                           {Kind::start, 1}, {Kind::end, 0},
                                                           {Kind::open, 1},  {Kind::end, 1}};
  REQUIRE(replay.events().size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(replay.events()[i].kind == expected[i].first);
    CHECK(replay.events()[i].index == expected[i].second);
  }
  CHECK(replay.open()[0].job == JobId{8});
}

TEST_CASE("what happened in one moment is told starts first") {
  const SteadyTime start{};
  const ScheduleReplay replay({{"s:a", 1, start, {0s, 10s, 10s}}, {"s:a", 2, start + 10s, {}}}, {});
  using Kind = ScheduleReplay::Event::Kind;
  CHECK(replay.events()[1].kind == Kind::start);
  CHECK(replay.events()[2].kind == Kind::end);
}

TEST_CASE("with nothing to tell the first run is number one") {
  const ScheduleReplay replay({}, {});
  CHECK(replay.events().empty());
  CHECK(replay.next_seq() == 1);
}
