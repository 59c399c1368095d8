#include "tests/sim/neighbour.h"

#include <SQLiteCpp/Statement.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace kdq::sim {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds start_within = 5s;
// Beside the script's own time: its start, and the wait until it is asked for.
constexpr milliseconds end_within = 15s;

milliseconds time_of(const std::string& script) {
  const auto plan = nlohmann::json::parse(script, nullptr, false);
  return milliseconds(plan.is_object() ? plan.value("ms", 1000) : 1000);
}

} // namespace

void Neighbour::inserted(const std::string& script_name, const JobPlan& job, SteadyTime now) {
  if (!plan_.hanging || job.app == plan_.hanging->app)
    return;
  // How late the end is seen grows with the script's own time.
  const milliseconds time = time_of(job.script);
  jobs_.push_back({script_name, now, start_within, end_within + time + time / 4});
}

void Neighbour::look(SQLite::Database& database, std::optional<SteadyTime> daemon_since,
                     SteadyTime now) {
  for (Expected& job : jobs_) {
    const auto overdue = [&](milliseconds within) {
      return daemon_since && now - std::max(job.since, *daemon_since) > within;
    };
    SQLite::Statement query(database, "SELECT state FROM jobs WHERE script_name = ?");
    query.bind(1, job.name);
    const std::string state = query.executeStep() ? query.getColumn(0).getString() : "";
    if (state == "queued" && !job.started && overdue(job.start_within))
      violations_.push_back(job.name + " of the healthy app is not started in time");
    else if (state == "running" && overdue(job.end_within))
      violations_.push_back(job.name + " of the healthy app is not seen to end in time");
    job.started |= state != "queued";
    if (state != "queued" && state != "submitting" && state != "running")
      job.name.clear();
  }
  if (!violations_.empty())
    jobs_.clear(); // once is enough
  std::erase_if(jobs_, [](const Expected& job) { return job.name.empty(); });
}

} // namespace kdq::sim
