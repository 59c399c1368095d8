#include "poller/engine/requests/dispatcher.h"

#include "poller/clock.h"
#include "poller/engine/app_tokens.h"
#include "poller/engine/refused_jobs.h"
#include "poller/engine/requests/begun_memory.h"
#include "poller/engine/requests/intent_writer.h"
#include "poller/engine/requests/round_planner.h"
#include "poller/engine/requests/sender.h"
#include "poller/engine/requests/start_pace.h"
#include "poller/engine/status_writer.h"
#include "store/database.h"

#include <optional>

namespace kdq {
namespace {

// Between transactions that only set rows aside: a queue of 100,000 rows must not keep the write
// lock from those who INSERT.
constexpr std::chrono::milliseconds pause_between_scans{10};

struct PlannedJob {
  JobId id;
  const char* what; ///< is to be written for it
};

/// Of a plan with one row; nothing: that is about no job.
std::optional<PlannedJob> only_job(const RoundPlan& plan) {
  if (!plan.polls.empty())
    return PlannedJob{plan.polls.front().job, "the next question about"};
  if (!plan.starts.empty())
    return PlannedJob{plan.starts.front().id, "the start of"};
  if (!plan.expired.empty())
    return PlannedJob{plan.expired.front(), "the end of"};
  if (!plan.hopeless.empty())
    return PlannedJob{plan.hopeless.front().job, "the end of"};
  if (!plan.unstartable.empty())
    return PlannedJob{plan.unstartable.front().id, "the end of"};
  return std::nullopt;
}

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
  plan.most = most_;
  Begun begun;
  bool is_whole = false;
  try {
    database_.read([&] { planner_.fill(plan, now); });
    is_whole = true;
    wake_ = plan.wake;
    if (plan.is_empty())
      return false;
    database_.write([&] {
      begun = intents_.write(plan, now.wall);
      status_writer_.ride_along(now);
    });
    status_writer_.committed();
  } catch (const StoreUnavailable& error) {
    memory_.not_begun(plan, now);
    if (!is_whole || !narrows(plan, error))
      throw;
    wake_.by(now.steady);
    return true;
  } catch (...) {
    memory_.not_begun(plan, now);
    throw;
  }
  most_ = most_ > batch_polls + batch_starts ? RoundPlan::no_limit : 2 * most_;
  pace_.begun(begun.starts.size(), !begun.polls.empty(), now.steady);
  memory_.remember(begun, now);
  passed(begun);
  if (!begun.spent.empty() || begun.missed || !begun.gone.empty())
    wake_.by(now.steady); // what was planned for these is free, or the roll is to be waited for
  // A claim makes its file's next job ready, and a scan that set rows aside has not seen all: look
  // again, but leave others room to write where nothing was sent.
  const bool sent = !begun.polls.empty() || !begun.starts.empty();
  if (!begun.starts.empty() || !plan.scans.empty())
    wake_.by(sent ? now.steady : now.steady + pause_between_scans);
  return sent && wake_.at <= now.steady;
}

/// Whether there is something to be tried at once: a smaller plan, or one without the job that was
/// alone in this one; the next one of its file may be started in its stead.
bool Dispatcher::narrows(const RoundPlan& plan, const StoreUnavailable& error) {
  const bool is_alone = plan.size() == 1;
  const auto job = is_alone ? only_job(plan) : std::nullopt;
  if (!refused_.takes(error) || (is_alone && !job))
    return false;
  most_ = 1;
  if (!job)
    return true;
  refused_.add(job->id, job->what, error);
  if (!plan.starts.empty())
    pass_over(job->id);
  return true;
}

void Dispatcher::pass_over(JobId job) {
  try {
    database_.write([&] { intents_.pass_over(job); });
  } catch (const StoreUnavailable& error) {
    if (error.is_general())
      throw;
    // Those behind it wait with it.
  }
}

void Dispatcher::passed(const Begun& begun) {
  for (const Begun::Poll& poll : begun.polls)
    refused_.passed(poll.intent.job);
  for (const Begun::Start& start : begun.starts)
    refused_.passed(start.job.id);
  for (const Begun::Refused& ended : begun.refused)
    refused_.passed(ended.job);
}

} // namespace kdq
