#include "poller/schedule/age_cells.h"

#include <doctest/doctest.h>

using namespace kdq;

TEST_CASE("the age that stands for a cell is within 2 % of all ages in it") {
  for (double age = 0.1; age < 40'000; age *= 1.003) {
    CAPTURE(age);
    CHECK(age_cells::age_of(age_cells::cell_of(Seconds(age))).count() ==
          doctest::Approx(age).epsilon(0.02));
  }
}

TEST_CASE("a task that was not asked yet has a cell of its own") {
  CHECK(age_cells::cell_of(Seconds(0)) == 0);
  CHECK(age_cells::cell_of(Seconds(-1)) == 0);
  CHECK(age_cells::age_of(0) == Seconds(0));
  CHECK(age_cells::cell_of(Seconds(0.001)) == 1);
}

TEST_CASE("cells are counted in order, and go with their last task") {
  age_cells::Counts counts;
  counts.add(5);
  counts.add(2, 3);
  counts.add(5);
  REQUIRE(counts.cells().size() == 2);
  CHECK(counts.cells()[0].cell == 2);
  CHECK(counts.cells()[0].tasks == 3);
  CHECK(counts.cells()[1].tasks == 2);
  counts.remove(5);
  CHECK(counts.cells().size() == 2);
  counts.remove(5);
  CHECK(counts.cells().size() == 1);
}
