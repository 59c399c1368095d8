#include "poller/api/closing_time.h"

#include "poller/api/kdocs_api.h"

#include <doctest/doctest.h>

using namespace kdq;

namespace {

// 2023-07-25 09:29:58 UTC, 17:29:58 where the service is
constexpr std::int64_t second = 1690277398;

LogLine closing(std::variant<std::monostate, std::int64_t, double> unix_time,
                std::string timestamp = "") {
  LogLine line;
  line.filename = "system";
  line.message = kdocs_api::closing_line;
  line.unix_time = unix_time;
  line.timestamp = std::move(timestamp);
  return line;
}

std::string time_of(const LogLine& line) {
  const auto time = closing_time({LogLine{}, line});
  return time ? to_text(*time) : "none";
}

} // namespace

TEST_CASE("whole seconds take their milliseconds from a timestamp of the same second") {
  CHECK(time_of(closing(second, "17:29:58.114")) == "2023-07-25 09:29:58.114");
  CHECK(time_of(closing(second, "17:29:58.000")) == "2023-07-25 09:29:58.000");
}

TEST_CASE("without such a timestamp the middle of the second is taken") {
  for (const char* const other : {"", "17:29:57.900", "17:29:58", "17:29:58,114", "17:29:58.1x4",
                                  "17:29:x8.114", "2023-07-25 17:29:58.114"}) {
    CAPTURE(other);
    CHECK(time_of(closing(second, other)) == "2023-07-25 09:29:58.500");
  }
}

TEST_CASE("a time with a fraction, or in milliseconds, needs no timestamp") {
  CHECK(time_of(closing(1690277398.25, "17:29:58.114")) == "2023-07-25 09:29:58.250");
  CHECK(time_of(closing(second * 1000 + 7, "17:29:58.114")) == "2023-07-25 09:29:58.007");
  CHECK(time_of(closing(1690277398007.0)) == "2023-07-25 09:29:58.007");
}

TEST_CASE("what is no time of this era is none") {
  CHECK(time_of(closing(std::monostate{}, "17:29:58.114")) == "none");
  for (const double number : {0.0, -5.0, 1e14, 1e300})
    CHECK(time_of(closing(number)) == "none");
}

TEST_CASE("only the service's own closing line at the end counts") {
  CHECK_FALSE(closing_time({}));
  CHECK_FALSE(closing_time({closing(second), LogLine{}}));
  LogLine of_a_script = closing(second);
  of_a_script.filename = "test.ks:3:1";
  CHECK_FALSE(closing_time({of_a_script}));
  LogLine opening = closing(second);
  opening.message = kdocs_api::opening_line;
  CHECK_FALSE(closing_time({opening}));
}
