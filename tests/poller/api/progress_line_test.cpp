#include "poller/api/kdocs_api.h"

#include <doctest/doctest.h>

using namespace kdq::kdocs_api;

TEST_CASE("a log line tells the progress only if it is written so") {
  constexpr int none = -1;
  struct Row {
    const char* message;
    int percent;
    const char* text;
  };
  const Row rows[] = {
      {"##progress 40 some words", 40, "some words"},
      {"##progress 40", 40, ""},
      {"##progress 40%", 40, ""},
      {"##progress 40% of all", 40, "of all"},
      {"##progress 40.99 words", 40, "words"},
      {"##progress 40.5%", 40, ""},
      {"##progress 0.3", 0, ""},
      {"##progress 1e1", 10, ""},
      {"##progress -5 words", 0, "words"},
      {"##progress 250", 100, ""},
      {"##progress 100 50", 100, "50"},
      {" \t##progress\t 40 \t two  words \t", 40, "two  words"},
      {"##progress 40 第一步", 40, "第一步"},
      {"##progress 40 one\ntwo", 40, "one\ntwo"},
      {"##progress", none, ""},
      {"##progress ", none, ""},
      {"##progress40", none, ""},
      {"##progress forty", none, ""},
      {"##progress 40,5", none, ""},
      {"##progress 40%%", none, ""},
      {"##progress % 40", none, ""},
      {"##progress +40", none, ""},
      {"##progress 0x10", none, ""},
      {"##progress nan", none, ""},
      {"##progress inf", none, ""},
      {"##progress 1e999", none, ""},
      {"##progressive 40", none, ""},
      {"##Progress 40", none, ""},
      {"progress 40", none, ""},
      {"at ##progress 40", none, ""},
      {"", none, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.message);
    const auto progress = progress_of(row.message);
    REQUIRE(progress.has_value() == (row.percent != none));
    if (!progress)
      continue;
    CHECK(progress->percent == row.percent);
    CHECK(progress->text == row.text);
  }
}

TEST_CASE("long words are cut at a character") {
  const std::string head = "##progress 1 " + std::string(199, 'x');
  CHECK(progress_of(head + "y")->text == std::string(199, 'x') + "y");
  CHECK(progress_of(head + "yz")->text == std::string(199, 'x') + "y…");
  CHECK(progress_of(head + "步")->text == std::string(199, 'x') + "…");
}
