#include "tests/bench/polling/app_books.h"

#include "poller/schedule/stored_runs.h"

#include <algorithm>
#include <filesystem>

namespace kdq::bench {

namespace {

const std::string app_name = "default";

/// A million transactions need no disk.
std::filesystem::path place_in_memory() {
  const std::filesystem::path memory = "/dev/shm";
  return std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
}

AppSettings settings_of(const Trace& trace) {
  AppSettings settings;
  settings.submit_quota = trace.submit_quota;
  settings.status_quota = trace.status_quota;
  settings.requests_per_second = trace.requests_per_second;
  settings.quota_timezone = "UTC"; // as the traces count their days
  return settings;
}

} // namespace

AppBooks::AppBooks(const Trace& trace)
    : folder_(place_in_memory()), database_(folder_.path() / "queue.db"), ledger_(database_),
      run_times_(database_), gate_(app_name, settings_of(trace), 1) {}

DayBudget AppBooks::budget(WallTime now, std::size_t queued) {
  DayBudget budget;
  const auto used = [&](Endpoint endpoint) { return ledger_.used(gate_.quota_key(endpoint, now)); };
  database_.read([&] {
    budget.status_used = used(Endpoint::status);
    budget.submit_left =
        std::max<std::int64_t>(0, gate_.allowed(Endpoint::submit) - used(Endpoint::submit));
  });
  budget.status_allowed = gate_.allowed(Endpoint::status);
  budget.queued = std::min(static_cast<std::int64_t>(queued), budget.submit_left);
  budget.requests_per_second = gate_.settings().requests_per_second;
  budget.day_begins = steady(gate_.day(now).begins);
  budget.day_ends = steady(gate_.day(now).ends);
  return budget;
}

WallTime AppBooks::ready_at(Endpoint endpoint, WallTime now) const {
  const SteadyTime until = gate_.blocked_until(endpoint, moment(now));
  return WallTime(std::max(until, gate_.rate_ready_at(steady(now))).time_since_epoch());
}

bool AppBooks::pay(Endpoint endpoint, WallTime now) {
  bool granted = false;
  database_.write([&] {
    granted = ledger_.take(gate_.quota_key(endpoint, now), gate_.allowed(endpoint), 1) == 1;
  });
  if (database_.log_is_long())
    database_.checkpoint();
  if (!granted)
    gate_.quota_spent(endpoint, now);
  return granted;
}

void AppBooks::sent(Endpoint endpoint, WallTime now) {
  gate_.take(endpoint, steady(now));
  gate_.sent(endpoint, steady(now));
}

void AppBooks::refused(Endpoint endpoint, WallTime now) {
  const kdocs_api::ServiceError error{kdocs_api::ErrorClass::pause, 429, std::nullopt,
                                      "the day's requests are used up", std::nullopt};
  gate_.replied(steady(now));
  if (gate_.spent_by_others(endpoint, error, gate_.day(now).name, now))
    database_.write(
        [&] { ledger_.spent_by_others(gate_.quota_key(endpoint, now), gate_.allowed(endpoint)); });
  gate_.refused(endpoint, error, "", gate_.day(now).name, steady(now), moment(now));
}

void AppBooks::worked(Endpoint endpoint, WallTime now) {
  gate_.replied(steady(now));
  gate_.worked(endpoint, steady(now), now);
}

void AppBooks::started(WallTime now) {
  database_.write([&] { run_times_.count_starts(app_name, now, 1); });
}

std::vector<StartCount> AppBooks::starts() {
  std::vector<StartCount> counts;
  database_.read([&] { counts = run_times_.starts(app_name); });
  return counts;
}

void AppBooks::learnt(const Learnt& learnt, WallTime now) {
  database_.write([&] {
    for (const LearntRun& run : learnt.rows)
      run_times_.add(app_name, to_row(run, moment(now)));
    for (const std::string& key : learnt.forgotten)
      run_times_.forget(app_name, key);
  });
}

std::vector<RunRow> AppBooks::run_times() {
  std::vector<RunRow> rows;
  database_.read([&] { rows = run_times_.load(app_name); });
  return rows;
}

} // namespace kdq::bench
