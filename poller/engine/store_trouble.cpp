#include "poller/engine/store_trouble.h"

#include "poller/clock.h"
#include "poller/events.h"
#include "poller/quota/quota_policy.h"
#include "store/database.h"
#include "store/status_tables.h"

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
  using Cause = StoreUnavailable::Cause;
  if (sentence_.empty())
    events_.trouble(error.what());
  sentence_ = error.what();
  if (error.cause != Cause::outside && shown_ != sentence_) {
    try {
      show(sentence_);
    } catch (const StoreUnavailable&) {
      // Then Events and the status have told it.
    }
  }
  commits_at_failure_ = database_.commits();
  failed_at_ = clock_.steady();
  if (error.cause != Cause::too_long)
    return failed_at_ + backoff(first_write_retry, failures_++, longest_write_retry);
  rests_until_ = failed_at_ + backoff(first_rest, failures_++, longest_rest);
  return rests_until_;
}

void StoreTrouble::show(const std::string& sentence) {
  shown_ = sentence; // tried once: it may be what takes too long
  database_.write([&] { tables_.trouble(sentence, clock_.wall()); });
}

void StoreTrouble::passed() {
  if (sentence_.empty())
    return;
  const bool proven = database_.commits() > commits_at_failure_;
  if (!proven && clock_.steady() - failed_at_ < fades)
    return;
  if (!shown_.empty())
    show({});
  events_.relief("the database can be written again");
  sentence_.clear();
  failures_ = 0;
}

SteadyTime StoreTrouble::next_wake() const {
  return sentence_.empty() ? SteadyTime::max() : failed_at_ + fades;
}

} // namespace kdq
