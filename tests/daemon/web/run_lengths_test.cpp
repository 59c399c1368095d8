#include "daemon/web/run_lengths.h"

#include "poller/engine/scheduled_tasks.h"
#include "poller/schedule/script_book.h"
#include "store/run_times.h"
#include "tests/daemon/web/queue_pages.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;
using namespace std::chrono_literals;

namespace {

struct Fixture : QueuePages {
  RunTimes run_times{database};

  void ran(std::int64_t seq, std::vector<std::string> keys, RunTime run) {
    for (const std::string& key : keys)
      database.write([&] { run_times.add("default", {key, seq, visit.now, run}); });
  }
  std::vector<StoredRun> runs(std::int64_t most_rows = 100) {
    std::vector<StoredRun> found;
    Reader reader(file);
    reader.read(
        [&](Reader::Snapshot& snapshot) { found = newest_runs(snapshot, "default", most_rows); });
    return found;
  }
};

} // namespace

TEST_CASE("a name's key is the one under which the daemon keeps its runs") {
  ScriptBook book(10);
  const auto keys_in_book = [&](const ScriptIdentity& script) {
    return book.keys(book.acquire(keys_of(script)));
  };
  const std::vector<std::string> keys = keys_in_book({"digest", "file", "a/name"});
  REQUIRE(keys.size() == 2);
  CHECK(name_key("file", "a/name") == keys[1]);
  CHECK(keys_in_book({"other", "file", ""}).size() == 1);
  CHECK(name_key("file", "").empty());
}

TEST_CASE_FIXTURE(Fixture, "a run is one, whether it has a name or not; the newest comes first") {
  ran(1, {"s:aa", "f:file/name"}, {10s, 20s, 17s});
  ran(2, {"s:bb"}, {10s, 20s, std::nullopt});
  ran(3, {"s:cc", "f:file/name"}, {0s, 4s, std::nullopt});
  const std::vector<StoredRun> found = runs();
  REQUIRE(found.size() == 3);
  CHECK(found[0].key == "f:file/name");
  CHECK(found[0].length == 2s);
  CHECK(!found[0].unseen);
  CHECK(found[1].key == "s:bb");
  CHECK(found[1].length == 15s);
  CHECK(found[2].key == "f:file/name");
  CHECK(found[2].length == 17s);
  CHECK(found[2].unseen == 3s);
  CHECK(runs(2).size() == 1); // rows are counted
}

TEST_CASE_FIXTURE(Fixture, "rows that no run can have are cut to what one can") {
  user.exec("INSERT INTO run_times VALUES ('default', 1, 's:a', 'never', -5, "
            "9223372036854775807, 9223372036854775807)");
  const std::vector<StoredRun> found = runs();
  REQUIRE(found.size() == 1);
  CHECK(found[0].length == std::chrono::years(10));
  CHECK(found[0].unseen == 0s);
}

TEST_CASE("a spread is the median and what nine of ten do not exceed") {
  CHECK(spread_of({}).count == 0);
  CHECK(spread_of({5s}).median == 5s);
  CHECK(spread_of({5s}).p90 == 5s);
  std::vector<std::chrono::milliseconds> spans;
  for (int i = 10; i >= 1; --i)
    spans.emplace_back(i * 1s);
  CHECK(spread_of(spans).count == 10);
  CHECK(spread_of(spans).median == 5s);
  CHECK(spread_of(spans).p90 == 9s);
}

TEST_CASE("each key has a spread of its own") {
  const auto spreads = spread_by_key({{"a", 1s, {}}, {"b", 9s, {}}, {"a", 3s, {}}});
  REQUIRE(spreads.size() == 2);
  CHECK(spreads.at("a").count == 2);
  CHECK(spreads.at("b").median == 9s);
}
