#include "poller/schedule/recent_submissions.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

void run_once(ScriptBook& book, ScriptRecord& script) {
  book.started(script, SteadyTime{}, {1});
  book.ended(script, SteadyTime{}, {1}, {0s, 1s, 1s});
}

} // namespace

TEST_CASE("a submission counts as known if its script had run before it") {
  ScriptBook book(100);
  RecentSubmissions recent;
  ScriptRecord& a = book.acquire(TaskKeys{"a", ""});
  ScriptRecord& b = book.acquire(TaskKeys{"b", ""});
  recent.add(book, a);
  run_once(book, a);
  for (int i = 0; i < 3; ++i)
    recent.add(book, a);
  run_once(book, b);
  recent.add(book, b);
  CHECK(recent.size() == 5);
  CHECK(recent.unknown() == 1);
  const auto shares = recent.known();
  REQUIRE(shares.size() == 2);
  CHECK(shares[0].script == &a);
  CHECK(shares[0].submissions == 3);
  CHECK(shares[1].script == &b);
  CHECK(shares[1].submissions == 1);
  CHECK(recent.known().size() == 2); // asked again it says the same
}

TEST_CASE("only the last submissions count, and older ones keep no script in use") {
  ScriptBook book(100);
  RecentSubmissions recent;
  ScriptRecord& first = book.acquire(TaskKeys{"first", ""});
  recent.add(book, first);
  book.release(first);
  CHECK(book.in_use().size() == 1);
  ScriptRecord& other = book.acquire(TaskKeys{"other", ""});
  run_once(book, other);
  for (int i = 0; i < 600; ++i)
    recent.add(book, other);
  CHECK(recent.size() == 600);
  CHECK(recent.unknown() == 0);
  CHECK(book.in_use().size() == 1);
}
