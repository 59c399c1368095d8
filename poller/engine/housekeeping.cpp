#include "poller/engine/housekeeping.h"

#include "poller/clock.h"
#include "poller/events.h"
#include "poller/quota/quota_policy.h"
#include "store/database.h"

#include <algorithm>
#include <string>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// Between two transactions: others get the write lock, requests go out.
constexpr std::chrono::milliseconds pause_between_writes = 50ms;
// Between two looks when nothing was left to do: in a tick that comes anyway, and for its own sake.
// Nobody counts the minutes of so many days, but a busy queue can grow fast.
constexpr std::chrono::milliseconds look_if_awake = 10s;
constexpr std::chrono::milliseconds look_anyway = 10min;
// After a write that another program's lock or a full disk prevented.
constexpr std::chrono::milliseconds store_retry = 10s;
constexpr std::chrono::milliseconds longest_store_retry = 1h;

WallTime before(WallTime now, Days span) {
  return now - std::chrono::duration_cast<std::chrono::milliseconds>(span);
}

} // namespace

Housekeeping::Housekeeping(const RetentionSettings& wanted, Database& database, Clock& clock,
                           Events& events)
    : database_(database), clock_(clock), events_(events), retention_(database) {
  configure(wanted);
}

void Housekeeping::configure(const RetentionSettings& wanted) {
  wanted_ = wanted;
  searches_.clear();
  current_ = 0;
  place_ = {};
  wake_ = SteadyTime::max();
  if (wanted.days_ended.count() > 0)
    searches_.push_back(Search::ended);
  if (wanted.days_logs.count() > 0)
    searches_.push_back(Search::logs);
  if (wanted.max_bytes > 0)
    searches_.push_back(Search::size);
  if (!searches_.empty())
    wake_ = SteadyTime{};
}

void Housekeeping::work() {
  const Moment now = clock_.now();
  if (searches_.empty() || now.steady < ready_)
    return;
  try {
    search(now);
    failures_ = 0;
  } catch (const StoreUnavailable& error) {
    failed(error, now.steady);
  }
}

void Housekeeping::failed(const StoreUnavailable& error, SteadyTime now) {
  // Of what everybody meets whoever must write says what is wrong.
  const bool is_general = error.is_general();
  if (!is_general && failures_++ == 0)
    events_.trouble("what has ended cannot be deleted: " + std::string(error.what()));
  ready_ = wake_ =
      now + (is_general ? store_retry : backoff(store_retry, failures_, longest_store_retry));
}

void Housekeeping::search(Moment now) {
  for (;;) {
    const Step done = step(searches_[current_], now);
    if (!done.more) {
      place_ = {};
      ++current_;
    }
    const bool end = current_ == searches_.size();
    if (end)
      current_ = 0;
    if (done.wrote || done.more) {
      ready_ = wake_ = now.steady + pause_between_writes;
      return;
    }
    if (end) {
      ready_ = now.steady + look_if_awake;
      wake_ = now.steady + look_anyway;
      return;
    }
  }
}

Housekeeping::Step Housekeeping::step(Search what, Moment now) {
  switch (what) {
  case Search::ended:
    return remove_until(before(now.wall, wanted_.days_ended));
  case Search::logs:
    return clear_until(before(now.wall, wanted_.days_logs));
  case Search::size:
    break;
  }
  std::int64_t used = 0;
  database_.read([&] { used = retention_.used_bytes(); });
  return used > wanted_.max_bytes ? remove_until(now.wall) : Step{};
}

Housekeeping::Step Housekeeping::remove_until(WallTime ended) {
  EndedJobs found;
  database_.read([&] { found = retention_.to_remove(place_, ended); });
  const auto ready = [](const EndedJobs::Job& job) { return job.ready; };
  if (std::none_of(found.jobs.begin(), found.jobs.end(), ready)) {
    if (!found.jobs.empty())
      place_ = found.jobs.back().place;
    return {false, found.more};
  }
  Deleted deleted;
  database_.write([&] { deleted = retention_.remove(found); });
  place_ = deleted.until;
  return {deleted.rows > 0, found.more || !deleted.whole};
}

Housekeeping::Step Housekeeping::clear_until(WallTime ended) {
  EndedJobs found;
  database_.read([&] {
    if (!cleared_known_)
      cleared_ = retention_.cleared();
    // The clock was set back, or the limit is longer than it was: what ends from now on must not
    // be behind us.
    if (const std::string limit = to_text(ended); limit < cleared_.finished_at)
      cleared_ = {limit, {}};
    found = retention_.to_clear(cleared_, ended);
  });
  cleared_known_ = true;
  if (found.jobs.empty())
    return {};
  Deleted deleted;
  database_.write([&] { deleted = retention_.clear(found); });
  cleared_ = deleted.until;
  return {true, found.more || !deleted.whole};
}

} // namespace kdq
