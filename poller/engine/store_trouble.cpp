#include "poller/engine/store_trouble.h"

#include "poller/clock.h"
#include "poller/events.h"
#include "poller/quota/quota_policy.h"
#include "store/database.h"

namespace kdq {
namespace {

using namespace std::chrono_literals;

// After a write that another program's lock or a full disk prevented.
constexpr std::chrono::milliseconds first_write_retry = 50ms;
constexpr std::chrono::milliseconds longest_write_retry = 1s;
// Nothing may be left to be written after a failure: it is forgotten then.
constexpr std::chrono::milliseconds fades = 10s;

} // namespace

SteadyTime StoreTrouble::failed(const StoreUnavailable& error) {
  if (sentence_.empty())
    events_.trouble(error.what());
  sentence_ = error.what();
  commits_at_failure_ = database_.commits();
  failed_at_ = clock_.steady();
  return failed_at_ + backoff(first_write_retry, failures_++, longest_write_retry);
}

void StoreTrouble::passed() {
  if (sentence_.empty())
    return;
  const bool proven = database_.commits() > commits_at_failure_;
  if (!proven && clock_.steady() - failed_at_ < fades)
    return;
  events_.relief("the database can be written again");
  sentence_.clear();
  failures_ = 0;
}

SteadyTime StoreTrouble::next_wake() const {
  return sentence_.empty() ? SteadyTime::max() : failed_at_ + fades;
}

} // namespace kdq
