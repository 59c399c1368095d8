#include "poller/engine/requests/dispatcher.h"

#include "poller/clock.h"
#include "poller/engine/app_tokens.h"
#include "poller/engine/requests/begun_memory.h"
#include "poller/engine/requests/intent_writer.h"
#include "poller/engine/requests/round_planner.h"
#include "poller/engine/requests/sender.h"
#include "poller/engine/requests/start_pace.h"
#include "poller/engine/status_writer.h"
#include "store/database.h"

namespace kdq {
namespace {

// Between transactions that only set rows aside: a queue of 100,000 rows must not keep the write
// lock from those who INSERT.
constexpr std::chrono::milliseconds pause_between_scans{10};

} // namespace

void Dispatcher::dispatch(SteadyTime until) {
  const Moment now = clock_.now();
  tokens_.begin_round();
  try {
    // Several short transactions, one wait for the disk.
    while (dispatch_batch(now) && clock_.steady() < until) {
    }
  } catch (const StoreUnavailable&) {
    sender_.send_all(); // what was begun before
    throw;
  }
  sender_.send_all();
}

/// One transaction; whether there may be more to do at once.
bool Dispatcher::dispatch_batch(Moment now) {
  wake_ = {};
  RoundPlan plan;
  Begun begun;
  try {
    database_.read([&] { planner_.fill(plan, now); });
    wake_ = plan.wake;
    if (plan.empty())
      return false;
    database_.write([&] {
      begun = intents_.write(plan, now.wall);
      status_writer_.ride_along(now);
    });
    status_writer_.committed();
  } catch (...) {
    memory_.not_begun(plan, now);
    throw;
  }
  pace_.begun(begun.starts.size(), !begun.polls.empty(), now.steady);
  memory_.remember(begun, now);
  if (!begun.spent.empty() || begun.missed || !begun.gone.empty())
    wake_.by(now.steady); // what was planned for these is free, or the roll is to be waited for
  // A claim makes its file's next job ready, and a scan that set rows aside has not seen all: look
  // again, but leave others room to write where nothing was sent.
  const bool sent = !begun.polls.empty() || !begun.starts.empty();
  if (!begun.starts.empty() || !plan.scans.empty())
    wake_.by(sent ? now.steady : now.steady + pause_between_scans);
  return sent && wake_.at <= now.steady;
}

} // namespace kdq
