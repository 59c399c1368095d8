#include "tests/sim/schedule_check.h"

#include "tests/sim/schedule_times.h"
#include "tests/sim/world.h"

#include <SQLiteCpp/Statement.h>

#include <map>
#include <string>

namespace kdq::sim {

void check_schedules(const World& world, SQLite::Database& database, Findings& findings) {
  std::map<std::string, CronTimes> schedules;
  for (const Action& action : world.plan().actions)
    if (action.job.schedule)
      schedules[action.job.name] = action.job.schedule->times;
  const auto complain = [&](const std::string& name, const std::string& sentence) {
    findings.violations.push_back("schedule " + name + " (" + schedules.at(name).text + ") " +
                                  sentence);
  };
  SQLite::Statement passed(database,
                           "SELECT schedule, from_at, to_at, skipped, jobs FROM sim_times");
  while (passed.executeStep()) {
    const std::string name = passed.getColumn(0).getString();
    const std::string from = passed.getColumn(1).getString();
    const std::string to = passed.getColumn(2).getString();
    const std::int64_t times = count_times(schedules.at(name), *parse_time(from), *parse_time(to));
    if (times != passed.getColumn(3).getInt64() + passed.getColumn(4).getInt64())
      complain(name, "has " + std::to_string(times) + " times from " + from + " until before " +
                         to + ", skipped " + passed.getColumn(3).getString() + ", jobs " +
                         passed.getColumn(4).getString());
  }
  SQLite::Statement taken(database, "SELECT schedule, from_at FROM sim_times UNION SELECT "
                                    "schedule, to_at FROM sim_times UNION SELECT schedule, "
                                    "scheduled_at FROM jobs WHERE schedule IS NOT NULL");
  while (taken.executeStep()) {
    const std::string name = taken.getColumn(0).getString();
    const std::string at = taken.getColumn(1).getString();
    if (!comes_at(schedules.at(name), *parse_time(at)))
      complain(name, "has no time at " + at);
  }
}

} // namespace kdq::sim
