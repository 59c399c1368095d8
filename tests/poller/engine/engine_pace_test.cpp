// How fast starts follow each other where no quota and no rate limits them.
#include "tests/support/engine_world.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

struct World : EngineWorld {
  World() : EngineWorld(many_at_once()) {}

  static EngineSettings many_at_once() {
    EngineSettings settings = one_app();
    settings.max_running = 1000;
    return settings;
  }
  void enqueue(int jobs) {
    for (int i = 0; i < jobs; ++i)
      user->enqueue("file " + std::to_string(++files_), R"({"ms": 600000})", "");
  }
  /// Milliseconds from the first start to each moment at which some were sent.
  std::vector<std::int64_t> rounds() {
    std::vector<std::int64_t> moments;
    std::optional<WallTime> first;
    for (const std::string& text : user->column(
             "SELECT DISTINCT sent_at FROM requests WHERE endpoint = 'submit' ORDER BY sent_at")) {
      const WallTime at = *parse_time(text);
      first = first.value_or(at);
      moments.push_back((at - *first).count());
    }
    return moments;
  }

private:
  int files_ = 0;
};

using Moments = std::vector<std::int64_t>;

} // namespace

TEST_CASE("a large round of starts that meets no poll rests before the next: its polls will come") {
  World world;
  SUBCASE("for a part of the time that it took") {
    world.kdocs.latency = 4ms;
    world.enqueue(3 * 64);
    world.run_for(100ms);
    CHECK(world.rounds() == Moments{0, 7, 14});
  }
  SUBCASE("but not if it was the service that took the time") {
    world.kdocs.latency = 200ms;
    world.enqueue(2 * 64);
    world.run_for(450ms);
    CHECK(world.rounds().at(1) == 200);
  }
  CHECK(world.events.told("submitted 65"));
}

TEST_CASE("few starts do not rest: what is inserted is started at once") {
  World world;
  world.kdocs.latency = 4ms;
  for (int i = 0; i < 5; ++i) {
    world.enqueue(10);
    world.run_for(4ms);
  }
  CHECK(world.rounds() == Moments{0, 4, 8, 12, 16});
}
