#include "daemon/web/charts.h"

#include "tests/daemon/web/queue_pages.h"

#include <doctest/doctest.h>

#include <limits>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;
using namespace std::chrono_literals;

namespace {

const WallTime midnight = *parse_time("2026-03-02 00:00:00");

BurnDown half_used() {
  BurnDown day;
  day.begins = midnight;
  day.now = midnight + 12h;
  day.ends = midnight + 24h;
  day.allowed = 100;
  day.left = 50;
  return day;
}

std::string drawn(const BurnDown& day) {
  return burn_down(day, "the facts", Visit{}).text();
}

} // namespace

TEST_CASE("a budget goes down from all at the begin to what is left now, and on at its pace") {
  const std::string svg = drawn(half_used());
  CHECK(DocumentReading(svg).trouble() == "");
  CHECK(contains(svg, "role=\"img\""));
  CHECK(contains(svg, "aria-label=\"the facts\""));
  CHECK(contains(svg, "class=\"used\" points=\"44,18 217,73\""));
  CHECK(contains(svg, "class=\"forecast\" points=\"217,73 390,128\""));
  CHECK(contains(svg, "left now: 50"));
  CHECK(!contains(svg, "class=\"others\""));
  CHECK(!contains(svg, "class=\"reserved\""));
}

TEST_CASE("it goes on to when all but the reserve is used up") {
  BurnDown day = half_used();
  day.reserved = 25;
  day.others = 10;
  day.exhausted = midnight + 18h;
  const std::string svg = drawn(day);
  CHECK(contains(svg, "class=\"forecast\" points=\"217,73 304,101\""));
  CHECK(contains(svg, "reserved 25"));
  CHECK(contains(svg, "others 10"));
  day.exhausted = day.now; // used up: nothing to come
  CHECK(!contains(drawn(day), "class=\"forecast\""));
}

TEST_CASE("numbers that make no sense are drawn inside of the frame, or not at all") {
  BurnDown day = half_used();
  day.ends = day.begins;
  CHECK(drawn(day).empty());
  day = half_used();
  day.allowed = 0;
  CHECK(drawn(day).empty());
  day = half_used();
  day.left = -7;
  CHECK(contains(drawn(day), "points=\"44,18 217,128\""));
  day.left = std::numeric_limits<std::int64_t>::max();
  day.reserved = day.others = day.left;
  day.now = midnight - 240h;
  CHECK(contains(drawn(day), "points=\"44,18 44,18\""));
  CHECK(DocumentReading(drawn(day)).trouble() == "");
}

TEST_CASE("bars are as high as their values, beside the highest of values and limits") {
  const std::string svg =
      bar_chart({{"a", 50, 100}, {"b", 0, 100}, {"c", 100, 0}}, "the facts").text();
  CHECK(DocumentReading(svg).trouble() == "");
  CHECK(contains(svg, "aria-label=\"the facts\""));
  CHECK(contains(svg, "y=\"73\" width=\"60\" height=\"55\""));
  CHECK(contains(svg, "y=\"128\" width=\"60\" height=\"0\""));
  CHECK(contains(svg, "y=\"18\" width=\"60\" height=\"110\""));
  CHECK(count_of(svg, "class=\"limit\"") == 2);
  CHECK(bar_chart({}, "nothing").empty());
}

TEST_CASE("labels are left out where they would overlap, but not the last one") {
  std::vector<Bar> bars;
  for (int i = 10; i < 70; ++i)
    bars.push_back({"2026-01-" + std::to_string(i), i, 0});
  const std::string svg = bar_chart(bars, "the facts").text();
  CHECK(count_of(svg, "class=\"bar\"") == 60);
  CHECK(count_of(svg, "2026-01-") < 8);
  CHECK(contains(svg, "2026-01-69"));
}

TEST_CASE("the numbers of bars stand in a table, with limits only where there are some") {
  const std::string plain =
      bar_numbers({{"a", 1234, 0}}, "Table", "Label", "Value", Visit{}).text();
  CHECK(DocumentReading(plain).trouble() == "");
  CHECK(contains(plain, "1\xE2\x80\x89"
                        "234"));
  CHECK(!contains(plain, "allowed"));
  CHECK(contains(bar_numbers({{"a", 1, 2}}, "Table", "Label", "Value", Visit{}).text(), "allowed"));
}

TEST_CASE("what is planted in labels and words is text") {
  const std::string svg =
      bar_chart({{planted, 1, 0}}, planted).text() +
      bar_numbers({{planted, 1, 0}}, planted, planted, planted, Visit{}).text() +
      burn_down(half_used(), planted, Visit{}).text();
  CHECK(DocumentReading(svg).trouble() == "");
  CHECK(!contains(svg, "<b"));
  CHECK(!contains(svg, "\xE2\x80\xAE"));
  CHECK(count_of(svg, "&lt;b id=planted&gt;&quot;&#39;&amp;\\u202E\\u001B[31m") == 7);
}
