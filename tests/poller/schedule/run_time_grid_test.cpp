#include "poller/schedule/run_time_grid.h"

#include <doctest/doctest.h>

#include <limits>

using namespace kdq::run_time_grid;

TEST_CASE(
    "every edge of the grid begins its own bucket, and what is below it ends the one before") {
  for (std::size_t i = 0; i < buckets; ++i) {
    CAPTURE(i);
    CHECK(bucket_of(edges()[i]) == i);
    CHECK(edges()[i] < edges()[i + 1]);
    CHECK(bucket_of(edges()[i + 1] * (1 - 1e-12)) == i);
  }
}

TEST_CASE("what is outside of the grid is in its first or last bucket") {
  CHECK(bucket_of(-1) == 0);
  CHECK(bucket_of(std::numeric_limits<double>::quiet_NaN()) == 0);
  CHECK(bucket_of(1e9) == buckets - 1);
  CHECK(bucket_of(std::numeric_limits<double>::infinity()) == buckets - 1);
}

TEST_CASE("sixteen buckets double the time from half a second up to 8.7 hours") {
  CHECK(edges()[coarse_buckets] == fine_from_seconds);
  CHECK(edges()[coarse_buckets + 16] == 2 * fine_from_seconds);
  CHECK(edges()[buckets] == doctest::Approx(8.7 * 3600).epsilon(0.02));
}
