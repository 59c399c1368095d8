#include "poller/engine/requests/class_turns.h"

#include <doctest/doctest.h>

#include <map>

using namespace kdq;

namespace {

/// So many jobs of a class, the first of this id.
std::vector<QueueScan::Entry> jobs(const std::string& job_class, std::int64_t weight,
                                   std::int64_t first, std::int64_t count) {
  std::vector<QueueScan::Entry> entries;
  for (std::int64_t id = first; id < first + count; ++id)
    entries.push_back({JobId{id}, "app", "file", 0, "2126-01-01", job_class, weight});
  return entries;
}

std::vector<std::int64_t> ids(const std::vector<QueueScan::Entry>& entries) {
  std::vector<std::int64_t> found;
  for (const auto& entry : entries)
    found.push_back(entry.id.value);
  return found;
}

/// How often each class is started if this many are, one a look.
std::map<std::string, int> start(ClassTurns& turns,
                                 const std::vector<std::pair<std::string, std::int64_t>>& classes,
                                 int looks) {
  std::map<std::string, int> started;
  for (int i = 0; i < looks; ++i) {
    std::vector<std::vector<QueueScan::Entry>> queued;
    for (std::size_t at = 0; at < classes.size(); ++at)
      queued.push_back(
          jobs(classes[at].first, classes[at].second, static_cast<std::int64_t>(1000 * at), 1));
    const auto sorted = turns.in_turn(std::move(queued));
    turns.started(sorted.front());
    ++started[sorted.front().job_class];
  }
  return started;
}

} // namespace

TEST_CASE("one class keeps its order, several take turns by weight, the oldest job first") {
  ClassTurns turns;
  CHECK(ids(turns.in_turn({jobs("", 1, 5, 3)})) == std::vector<std::int64_t>{5, 6, 7});
  CHECK(ids(turns.in_turn({jobs("", 1, 50, 2), jobs("a", 3, 10, 6)})) ==
        std::vector<std::int64_t>{10, 50, 11, 12, 13, 51, 14, 15});
  CHECK(turns.in_turn({}).empty());
  CHECK(ids(turns.in_turn({jobs("", 1, 50, 0), jobs("a", 3, 10, 1)})) ==
        std::vector<std::int64_t>{10});
}

TEST_CASE("shares hold over many looks, whatever each of them has room for") {
  ClassTurns turns;
  const auto started = start(turns, {{"", 1}, {"a", 3}, {"b", 6}}, 1000);
  CHECK(started.at("") == 100);
  CHECK(started.at("a") == 300);
  CHECK(started.at("b") == 600);
}

TEST_CASE("a class that had nothing to start has saved nothing up") {
  ClassTurns turns;
  start(turns, {{"a", 1}}, 500);
  auto started = start(turns, {{"a", 1}, {"b", 1}}, 20);
  CHECK(started.at("a") == 10);
  CHECK(started.at("b") == 10);
  start(turns, {{"b", 1}}, 500);
  started = start(turns, {{"a", 1}, {"b", 1}}, 20);
  CHECK(started.at("a") == 11); // it goes first
}

TEST_CASE("the greatest and the least weight share as they should") {
  ClassTurns turns;
  const auto started = start(turns, {{"a", 1}, {"b", 1000}}, 2002);
  CHECK(started.at("a") == 2);
}

TEST_CASE("of classes that come and go nothing is kept") {
  ClassTurns turns;
  for (int i = 0; i < 10'000; ++i)
    turns.started(jobs("class " + std::to_string(i), 1, 1, 1).front());
  CHECK(turns.size() <= 10'000);
  start(turns, {{"a", 1}}, 3);
  CHECK(turns.size() < 70);
}
