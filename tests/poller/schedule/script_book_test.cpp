#include "poller/schedule/script_book.h"

#include "poller/schedule/price_ladder.h"

#include <doctest/doctest.h>

#include <string>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

const int rung = price_ladder::rung_below(Seconds(2));

TaskKeys keys(const std::string& script, const std::string& family = "") {
  return {script, family};
}

void run(ScriptBook& book, const TaskKeys& task, std::chrono::milliseconds time) {
  ScriptRecord& script = book.acquire(task);
  book.started(script, SteadyTime{}, {1});
  book.ended(script, SteadyTime{}, {1}, {0ms, time, time});
  book.release(script);
}

Seconds first_gap(ScriptBook& book, const TaskKeys& task) {
  return book.plan(task, rung).gap(Seconds(0));
}

} // namespace

TEST_CASE("a script is planned by its own runs, else by its family's, else like any unknown one") {
  ScriptBook book(100);
  const Seconds unknown = first_gap(book, keys("new"));
  for (int i = 0; i < 10; ++i)
    run(book, keys("a", "family"), 100s);
  const Seconds known = first_gap(book, keys("a"));
  CHECK(known > Seconds(80));
  CHECK(first_gap(book, keys("edited", "family")) == known);
  CHECK(first_gap(book, keys("edited")) < known);
  for (int i = 0; i < 10; ++i)
    run(book, keys("edited", "family"), 10s);
  CHECK(first_gap(book, keys("edited", "family")) < Seconds(12));
  CHECK(unknown < known);
}

TEST_CASE("a record and a question about keys lead to the same plan") {
  ScriptBook book(100);
  run(book, keys("a", "family"), 20s);
  ScriptRecord& script = book.acquire(keys("b", "family"));
  CHECK(book.known(script));
  CHECK(&book.plan(script, rung) == &book.plan(keys("b", "family"), rung));
}

TEST_CASE("a script that nobody uses and that never ran leaves nothing behind") {
  ScriptBook book(100);
  ScriptRecord& script = book.acquire(keys("a", "family"));
  CHECK(book.in_use().size() == 2);
  book.use(script);
  book.release(script);
  CHECK(book.in_use().size() == 2);
  book.release(script);
  CHECK(book.in_use().empty());
}

TEST_CASE("of too many scripts that was forgotten which was used longest ago") {
  ScriptBook book(3);
  for (const char* name : {"a", "b", "c"})
    run(book, keys(name), 10s);
  CHECK(book.forget_surplus().empty());
  run(book, keys("a"), 10s); // used again
  run(book, keys("d"), 10s);
  CHECK(book.forget_surplus() == std::vector<std::string>{"s:b"});
  CHECK(book.forget_surplus().empty());
  CHECK_FALSE(book.known(book.acquire(keys("b"))));
  CHECK(book.known(book.acquire(keys("c"))));
}

TEST_CASE("a script in use is not forgotten, however many there are") {
  ScriptBook book(1);
  ScriptRecord& used = book.acquire(keys("used"));
  run(book, keys("used"), 10s);
  for (int i = 0; i < 5; ++i)
    run(book, keys(std::to_string(i)), 10s);
  CHECK(book.forget_surplus().size() == 5);
  CHECK(book.known(used));
  run(book, keys("later"), 10s);
  book.release(used);
  CHECK(book.forget_surplus() == std::vector<std::string>{"s:later"}); // `used` was used last
}

TEST_CASE("a run is stored under its script's key and its family's, and found again by them") {
  ScriptBook book(100);
  ScriptRecord& script = book.acquire(keys("digest", "file/name"));
  const auto stored = book.keys(script);
  CHECK(stored == std::vector<std::string>{"s:digest", "f:file/name"});
  CHECK(book.acquire(stored) == &script);
  CHECK(book.acquire(std::vector<std::string>{"f:file/name"}) != &script);
  // What somebody else wrote into the table is no key.
  CHECK(book.acquire(std::vector<std::string>{"", "x", "digest", "t:digest"}) == nullptr);
}

TEST_CASE("plans are bounded, and those that went are the same when they are made again") {
  ScriptBook book(5'000);
  run(book, keys("first"), 30s);
  const Seconds before = first_gap(book, keys("first"));
  for (int i = 0; i < 8; ++i) // the pool does not change any more
    run(book, keys("often"), 30s);
  const Seconds settled = first_gap(book, keys("first"));
  CHECK(settled == before);
  for (int at = 0; at <= price_ladder::top; ++at)
    for (int i = 0; i < 12; ++i)
      book.plan(keys(i == 0 ? "often" : "first"), at);
  CHECK(first_gap(book, keys("first")) == settled);
}
