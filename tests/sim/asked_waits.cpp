#include "tests/sim/asked_waits.h"

#include <SQLiteCpp/Statement.h>

#include <algorithm>

namespace kdq::sim {
namespace {

using namespace std::chrono_literals;

constexpr int too_many_requests = 429;
// A row is rounded to its time of writing.
constexpr std::chrono::milliseconds rounding = 1s;
// A pause is saved with the next thing that is written, and something is written by then: a lock
// that held the daemon up is tried again within seconds.
constexpr std::chrono::milliseconds saved_within = 15s;

std::string name_of(const std::string& app, bool start) {
  return app + (start ? " submit" : " status");
}

} // namespace

void AskedWaits::replied(const std::string& app, bool start, const Delivery& delivery, Moment now) {
  const auto* answered = std::get_if<Answered>(&delivery);
  if (!answered || answered->http_status != too_many_requests || !answered->retry_after)
    return;
  ++count_;
  waits_.push_back({app, start, now.steady, now.steady + *answered->retry_after,
                    now.wall + *answered->retry_after, false});
}

void AskedWaits::before_send(const std::string& app, bool start, SteadyTime now) {
  std::erase_if(waits_, [&](const AskedWait& wait) { return wait.until <= now + rounding; });
  for (const AskedWait& wait : waits_)
    if (wait.app == app && wait.start == start)
      violations_.push_back("a request of " + name_of(app, start) + " leaves " +
                            std::to_string((wait.until - now).count()) +
                            " ms before the time that the service asked to wait for");
}

bool AskedWaits::is_saved(SQLite::Database& database, const AskedWait& wait) {
  SQLite::Statement query(database, "SELECT 1 FROM app_pauses WHERE app = ? AND endpoint = ? AND "
                                    "until >= ?");
  query.bind(1, wait.app);
  query.bind(2, wait.start ? "submit" : "status");
  query.bind(3, kdq::to_text(wait.until_wall - rounding));
  return query.executeStep();
}

void AskedWaits::look(SQLite::Database& database, bool disturbed, SteadyTime now) {
  if (disturbed)
    undisturbed_since_ = now;
  for (AskedWait& wait : waits_) {
    if (wait.saved || wait.until <= now)
      continue;
    wait.saved = is_saved(database, wait);
    if (!wait.saved && now - std::max(wait.since, undisturbed_since_) > saved_within)
      violations_.push_back("the time to wait of " + name_of(wait.app, wait.start) +
                            " is not saved");
  }
}

void AskedWaits::daemon_ended(SQLite::Database& database, SteadyTime now) {
  std::erase_if(waits_, [&](const AskedWait& wait) {
    if (wait.until <= now)
      return true;
    if (is_saved(database, wait))
      return false;
    if (wait.saved)
      violations_.push_back("the time to wait of " + name_of(wait.app, wait.start) +
                            " was saved and is gone");
    return true;
  });
}

void AskedWaits::restored(SteadyTime now) {
  undisturbed_since_ = now;
  for (AskedWait& wait : waits_)
    wait.saved = false;
}

bool AskedWaits::any_unsaved() const {
  return std::any_of(waits_.begin(), waits_.end(),
                     [](const AskedWait& wait) { return !wait.saved; });
}

} // namespace kdq::sim
