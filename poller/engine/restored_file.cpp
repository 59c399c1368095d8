#include "poller/engine/restored_file.h"

#include "poller/engine/app_state.h"
#include "poller/engine/in_flight.h"
#include "poller/engine/replies/reply_store.h"
#include "poller/engine/task_table.h"
#include "store/database.h"
#include "store/job_queue.h"
#include "store/quota_ledger.h"
#include "store/request_log.h"

#include <algorithm>
#include <iterator>
#include <vector>

namespace kdq {

bool RestoredFile::is_as_remembered() {
  bool lacks_requests = false;
  database_.write([&] { lacks_requests = ledger_.keep_spent(); });
  std::vector<UnfinishedJob> jobs;
  std::vector<OpenRequest> open;
  database_.read([&] {
    jobs = queue_.unfinished();
    open = requests_.in_flight();
  });
  const auto is_known = [&](const UnfinishedJob& job) {
    const Task* task = tasks_.find(job.id);
    return task && task->row.state == job.row.state && task->row.attempt == job.row.attempt &&
           task->row.rev == job.row.rev && task->row.task_id == job.row.task_id;
  };
  const std::vector<InFlight> on_their_way = in_flight_.all();
  std::vector<InFlight> unknown;
  std::copy_if(on_their_way.begin(), on_their_way.end(), std::back_inserter(unknown),
               [&](const InFlight& request) {
                 return std::none_of(open.begin(), open.end(), [&](const OpenRequest& row) {
                   return row.intent == request.intent;
                 });
               });
  const auto is_in_hand = [&](const OpenRequest& row) {
    if (const auto stored = replies_.entries_stored(row.intent)) // from a spill file, maybe
      return *stored == row.entries_stored;
    return std::any_of(on_their_way.begin(), on_their_way.end(),
                       [&](const InFlight& request) { return request.intent == row.intent; });
  };
  if (!unknown.empty())
    database_.write([&] { count_on_last_day(unknown); });
  for (const InFlight& request : unknown)
    give_up(request);
  return !lacks_requests && std::all_of(jobs.begin(), jobs.end(), is_known) &&
         std::all_of(open.begin(), open.end(), is_in_hand);
}

/// Inside of Database::write(). Nobody will judge them: the service may yet act upon each of them.
void RestoredFile::count_on_last_day(const std::vector<InFlight>& requests) {
  for (const InFlight& request : requests) {
    const auto app = apps_.find(request.paid_from.app);
    if (app == apps_.end())
      continue;
    const CircuitBreaker& breaker = app->second.breaker;
    const Endpoint endpoint = request.intent.endpoint;
    const QuotaKey last = breaker.quota_key(endpoint, request.intent.sent_at + longest_request);
    if (last.day != request.paid_from.day)
      ledger_.take(last, breaker.allowed(endpoint), 1);
  }
}

std::size_t RestoredFile::give_up_all() {
  const std::vector<InFlight> on_their_way = in_flight_.all();
  for (const InFlight& request : on_their_way)
    give_up(request);
  replies_.clear();
  return on_their_way.size();
}

void RestoredFile::give_up(const InFlight& request) {
  replies_.forget(request.id);
  in_flight_.abandon(request.id);
  // Nobody is to wait for its reply.
  if (const auto app = apps_.find(request.paid_from.app); app != apps_.end())
    app->second.breaker.replied(request.sent_steady);
}

} // namespace kdq
