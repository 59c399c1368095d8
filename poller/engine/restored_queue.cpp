#include "poller/engine/restored_queue.h"

#include "poller/clock.h"
#include "poller/events.h"
#include "store/database.h"
#include "store/job_queue.h"
#include "store/request_log.h"
#include "store/result_log.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// An older copy is known by the number if it is older than this, or than the last start or stop.
constexpr std::chrono::milliseconds count_up_every = 1min;
// Jobs held by one transaction, and a pause in which others can write: a million queued jobs are
// held in about seven minutes.
constexpr std::size_t batch_jobs = 32;
constexpr std::chrono::milliseconds pause_between_batches = 10ms;

/// `the backup of 2026-01-31 09:05:00 UTC`
std::string words(const FileOrigin& origin) {
  const bool is_backup = origin.backup_of && !origin.backup_of->empty();
  const auto at = parse_time(is_backup ? *origin.backup_of : origin.last_seen);
  if (!at)
    return "a backup";
  return (is_backup ? "the backup of " : "a copy of about ") + utc_second(*at);
}

/// The view health knows what is held by how this begins.
std::string held_because(const std::string& why, const std::string& then) {
  return "held: the queue was restored from " + why + ", " + then +
         ": look at the spreadsheet, then set state to 'queued' to run it or to 'cancelled'";
}

/// Nothing: the file is the newest one, as far as can be told.
std::optional<std::string> why_held(const FileOrigin& origin,
                                    const std::optional<Generation>& beside) {
  if (origin.backup_of)
    return words(origin);
  if (!origin.generation)
    return std::nullopt; // nothing has run in it yet, or init has made the table anew
  if (beside && beside->queue == origin.generation->queue)
    return origin.generation->number < beside->number ? std::optional(words(origin)) : std::nullopt;
  // It came without the file beside it. Whoever moves a queue stops its daemon before; what was
  // copied under a running one is behind it. At 0 none was written yet.
  if (origin.stopped_in_order || origin.generation->number == 0)
    return std::nullopt;
  return words(origin);
}

} // namespace

RestoredQueue::RestoredQueue(Database& database, JobQueue& queue, RequestLog& requests,
                             ResultLog& log, const Clock& clock, Events& events)
    : database_(database), queue_(queue), requests_(requests), log_(log), clock_(clock),
      events_(events), table_(database), held_jobs_(database, queue), file_(database.file()) {}

FileOrigin RestoredQueue::origin() {
  FileOrigin found;
  database_.read([&] { found = table_.origin(); });
  return found;
}

void RestoredQueue::begin(Moment now) {
  const FileOrigin found = origin();
  const auto beside = file_.read();
  Generation settled = found.generation.value_or(Generation{});
  if (beside && (settled.queue.empty() || settled.queue == beside->queue))
    settled = {beside->queue, std::max(settled.number, beside->number)};
  hold(why_held(found, beside), settled, now);
  // Not before the table: what a killed process left is not on disk for certain.
  database_.durable();
  note_beside();
}

bool RestoredQueue::went_back() {
  const FileOrigin found = origin();
  return found.backup_of || !found.generation || found.generation->queue != known_->queue ||
         found.generation->number != known_->number;
}

void RestoredQueue::take_up(Moment now) {
  const FileOrigin found = origin();
  Generation settled = *known_;
  if (found.generation)
    settled.number = std::max(settled.number, found.generation->number);
  hold(words(found), settled, now);
}

/// `why` nothing: there is nothing to be held but what a former run did not come to its end with.
void RestoredQueue::hold(const std::optional<std::string>& why, const Generation& settled,
                         Moment now) {
  database_.write([&] {
    table_.settle(settled);
    if (why)
      table_.hold(why, now.wall);
  });
  database_.read([&] {
    holding_ = table_.holding();
    known_ = table_.origin().generation;
  });
  held_ = 0;
  next_batch_ = {};
  if (holding_)
    hold_unfinished(now);
}

std::string RestoredQueue::gap() const {
  return holding_ ? "the database was restored from " + holding_->why : "";
}

void RestoredQueue::hold_unfinished(Moment now) {
  std::vector<UnfinishedJob> jobs;
  std::set<JobId> asked; // the gap of these is told when their request is judged
  database_.read([&] {
    jobs = queue_.unfinished();
    for (const OpenRequest& open : requests_.in_flight())
      if (open.intent.endpoint == Endpoint::status)
        asked.insert(open.intent.job);
  });
  std::erase_if(jobs, [&](const UnfinishedJob& job) { return job.id > holding_->to; });
  for (std::size_t first = 0; first < jobs.size(); first += batch_jobs)
    database_.write([&] {
      for (std::size_t i = first; i < std::min(jobs.size(), first + batch_jobs); ++i) {
        const JobId id = jobs[i].id;
        const JobRow& row = jobs[i].row;
        const bool ran = row.state == JobState::running;
        JobRow after = held(
            row, held_because(holding_->why, ran ? "where it was running; its task_id stays. It "
                                                   "may have ended since"
                                                 : "where it was being started. It may have run"));
        const bool has_gap = ran && !asked.contains(id);
        after.log_gaps += has_gap ? 1 : 0;
        if (!queue_.save(id, row, after) || !has_gap)
          continue;
        const WallTime from = row.reported_at.value_or(row.submitted_at.value_or(now.wall));
        log_.gap(id, row.attempt, {gap(), from, now.wall}, now.wall);
      }
    });
  held_ += jobs.size();
}

void RestoredQueue::work() {
  if (clock_.steady() < next_batch_)
    return;
  std::vector<JobId> jobs;
  database_.read([&] { jobs = held_jobs_.still_queued(holding_->to, batch_jobs); });
  const std::string error = held_because(holding_->why, "and may have run since then");
  database_.write([&] {
    for (const JobId job : jobs)
      held_jobs_.hold(job, error);
    if (jobs.empty())
      table_.hold(std::nullopt, clock_.wall());
  });
  next_batch_ = clock_.steady() + pause_between_batches;
  held_ += jobs.size();
  if (!jobs.empty())
    return;
  events_.trouble("the queue was restored from " + holding_->why + ": " + std::to_string(held_) +
                  " jobs that had not ended then are held as unconfirmed (SELECT * FROM health "
                  "says how to release them)");
  holding_.reset();
}

bool RestoredQueue::is_old(SteadyTime now) const {
  return now - counted_at_ >= count_up_every;
}

void RestoredQueue::count_up() {
  // Whoever finds a number believes that the file beside the database was there.
  next_number_ = beside_ >= 0 ? table_.count_up() : known_->number;
}

void RestoredQueue::committed(SteadyTime now) {
  known_->number = next_number_;
  counted_at_ = now;
}

void RestoredQueue::note_beside() {
  if (!known_ || known_->number == beside_)
    return;
  const std::string problem = file_.write(*known_);
  if (!problem.empty() && problem != told_)
    events_.trouble(problem);
  told_ = problem;
  beside_ = problem.empty() ? known_->number : -1;
}

} // namespace kdq
