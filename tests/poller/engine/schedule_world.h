// An engine with a schedule named s.
#pragma once

#include "tests/support/engine_world.h"

#include <cstdint>
#include <string>
#include <vector>

namespace kdq::test {

using Rows = std::vector<std::string>;

inline constexpr const char* ten_minutes = R"({"ms": 600000})";

/// At the start it is 09:00:00 UTC on 2 March 2126.
struct ScheduleWorld : EngineWorld {
  using EngineWorld::EngineWorld;

  void insert(const std::string& cron, const std::string& columns = "",
              const std::string& values = "", const std::string& script = two_seconds) {
    user->exec("INSERT INTO schedules(name, cron, timezone, file_token, script" +
               (columns.empty() ? "" : ", " + columns) + ") VALUES ('s', '" + cron +
               "', 'UTC', 'f', '" + script + "'" + (values.empty() ? "" : ", " + values) + ")");
  }
  std::string word(const std::string& column) {
    return user->text("SELECT coalesce(" + column + ", 'NULL') FROM schedules WHERE name = 's'");
  }
  /// The times that have a job, without the date's begin.
  Rows times() {
    return user->column("SELECT substr(scheduled_at, 9, 8) FROM jobs WHERE scheduled_at IS NOT "
                        "NULL ORDER BY id");
  }
  std::int64_t skipped() { return user->number("SELECT skipped FROM schedules"); }
  Rows states() { return user->column("SELECT state FROM jobs ORDER BY id"); }
};

} // namespace kdq::test
