#include "poller/engine/requests/intent_writer.h"

#include "poller/engine/app_state.h"
#include "poller/engine/notices.h"
#include "poller/engine/replies/decide.h"
#include "poller/engine/requests/quota_grant.h"
#include "poller/engine/task_table.h"
#include "store/quota_ledger.h"
#include "store/request_log.h"

#include <algorithm>
#include <utility>

namespace kdq {
namespace {

// Of the scripts that one transaction reads, more or less: from a disk it takes its time, under the
// write lock.
constexpr std::int64_t most_bytes_at_once = std::int64_t{16} << 20;

std::int64_t text_bytes(const ClaimedJob& job) {
  return static_cast<std::int64_t>(job.script.size() + job.argv.size());
}

} // namespace

Begun IntentWriter::write(const RoundPlan& plan, WallTime now) {
  Begun begun;
  begin_polls(plan, begun, now); // first: it compares the jobs with the tasks in our hands
  for (const QueueScan& scan : plan.scans)
    queue_.set_aside(scan);
  if (plan.promote)
    queue_.promote(now);
  end_unsent(plan, begun, now);
  begin_starts(plan, begun, now);
  return begun;
}

void IntentWriter::begin_polls(const RoundPlan& plan, Begun& begun, WallTime now) {
  if (plan.polls.empty())
    return;
  // A user may have cancelled jobs a moment ago: then there are fewer than we have in our hands.
  const bool all_run = queue_.busy() == tasks_.size();
  const std::vector<JobId> unfinished = all_run ? std::vector<JobId>{} : queue_.unfinished_ids();
  QuotaGrant grant(ledger_);
  for (const DuePoll& poll : plan.polls) {
    const CircuitBreaker& breaker = apps_.at(tasks_.find(poll.job)->app).breaker;
    grant.want(breaker.quota_key(Endpoint::status, now), breaker.allowed(Endpoint::status));
  }
  grant.fill();
  for (const DuePoll& poll : plan.polls) {
    const Task& task = *tasks_.find(poll.job);
    if (!all_run && !std::binary_search(unfinished.begin(), unfinished.end(), poll.job)) {
      begun.gone.push_back(poll.job);
    } else if (!grant.pay(task.app)) {
      begun.unpaid.push_back(poll.job);
      begun.spent.push_back(grant.key(task.app));
    } else {
      const Intent intent{poll.job, task.row.attempt, Endpoint::status, now, task.row.rev};
      requests_.begin(intent);
      begun.polls.push_back({intent, poll.due, grant.key(task.app)});
    }
  }
  grant.give_rest_back();
}

void IntentWriter::begin_starts(const RoundPlan& plan, Begun& begun, WallTime now) {
  QuotaGrant grant(ledger_);
  for (const QueueScan::Entry& entry : plan.starts) {
    const CircuitBreaker& breaker = apps_.at(entry.app).breaker;
    grant.want(breaker.quota_key(Endpoint::submit, now), breaker.allowed(Endpoint::submit));
  }
  grant.fill();
  std::int64_t bytes = 0;
  for (const QueueScan::Entry& entry : plan.starts) {
    if (bytes >= most_bytes_at_once) {
      begun.missed = true;
      break;
    }
    if (!grant.pay(entry.app)) {
      begun.spent.push_back(grant.key(entry.app));
      continue;
    }
    auto job = queue_.claim(entry, now);
    if (!job) {
      begun.missed = true;
      grant.unpay(entry.app); // cancelled since the scan
      continue;
    }
    bytes += text_bytes(*job);
    if (text_bytes(*job) > settings_.max_script_bytes) {
      grant.unpay(entry.app);
      end_claimed(*job, JobState::failed, too_long_sentence(text_bytes(*job)), begun, now);
      continue;
    }
    const Intent intent{job->id, job->row.attempt, Endpoint::submit, now, job->row.rev};
    requests_.begin(intent);
    begun.starts.push_back({intent, std::move(*job), grant.key(entry.app)});
  }
  grant.give_rest_back();
}

void IntentWriter::end_unsent(const RoundPlan& plan, Begun& begun, WallTime now) {
  for (const JobId id : plan.expired)
    if (queue_.still_expired(id, now))
      if (const auto job = queue_.claim(id))
        end_claimed(*job, JobState::timed_out, "expires_at passed before it could be started",
                    begun, now);
  for (const QueueScan::Entry& entry : plan.unstartable)
    if (const auto job = queue_.claim(entry, now))
      end_claimed(*job, JobState::failed, unknown_app_sentence(entry.app), begun, now);
}

void IntentWriter::end_claimed(const ClaimedJob& job, JobState end, const std::string& error,
                               Begun& begun, WallTime now) {
  if (!queue_.save(job.id, job.row, ended_unsent(job.row, end, error, now)))
    return;
  notices_.job_changed(job.id, job.row.state, end, now);
  begun.refused.push_back({job.id, end, error});
}

std::string IntentWriter::too_long_sentence(std::int64_t bytes) const {
  return "script is too long: with argv it has " + std::to_string(bytes) +
         " bytes, the setting max_script_bytes allows " +
         std::to_string(settings_.max_script_bytes);
}

std::string IntentWriter::unknown_app_sentence(const std::string& app) const {
  std::string known;
  for (const auto& [name, configured] : apps_)
    known += (known.empty() ? "" : ", ") + name;
  return "app '" + app + "' is not configured (configured: " + known +
         "); add it to the configuration and restart, then set state to 'queued'";
}

} // namespace kdq
