#include "poller/engine/requests/intent_writer.h"

#include "poller/engine/app_state.h"
#include "poller/engine/notices.h"
#include "poller/engine/replies/decide.h"
#include "poller/engine/requests/quota_grant.h"
#include "poller/engine/task_table.h"
#include "store/dependencies.h"
#include "store/job_inputs.h"
#include "store/quota_ledger.h"
#include "store/request_log.h"

#include <algorithm>
#include <limits>
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
  if (plan.settle_needs)
    dependencies_.settle();
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
  QuotaGrant grant(ledger_, in_flight_);
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
  QuotaGrant grant(ledger_, in_flight_);
  want_starts(plan, grant, now);
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
    const bool is_counted = !entry.job_class.empty();
    if (is_counted && !grant.pay(entry.app, entry.job_class)) {
      begun.missed = true;
      grant.unpay(entry.app); // its class may have fewer since the scan
      continue;
    }
    const auto unpay = [&] {
      grant.unpay(entry.app);
      if (is_counted)
        grant.unpay(entry.app, entry.job_class);
    };
    auto job = queue_.claim(entry, now);
    if (!job) {
      begun.missed = true;
      unpay(); // cancelled since the scan
      continue;
    }
    if (job->has_inputs && !take_inputs(*job)) {
      unpay();
      end(job->id, job->row, EndCause::input, too_much_input_sentence(*job), begun, now);
      continue;
    }
    bytes += text_bytes(*job);
    if (text_bytes(*job) > settings_.max_script_bytes) {
      unpay();
      end(job->id, job->row, EndCause::invalid, too_long_sentence(text_bytes(*job)), begun, now);
      continue;
    }
    const Intent intent{job->id, job->row.attempt, Endpoint::submit, now, job->row.rev};
    requests_.begin(intent);
    begun.starts.push_back({intent, std::move(*job), grant.key(entry.app)});
  }
  grant.give_rest_back();
}

/// From the budgets of the apps, and in the counts of all classes that have a name.
void IntentWriter::want_starts(const RoundPlan& plan, QuotaGrant& grant, WallTime now) {
  for (const QueueScan::Entry& entry : plan.starts) {
    const CircuitBreaker& breaker = apps_.at(entry.app).breaker;
    QuotaKey key = breaker.quota_key(Endpoint::submit, now);
    grant.want(key, breaker.allowed(Endpoint::submit));
    if (entry.job_class.empty())
      continue;
    key.job_class = entry.job_class;
    const auto limit = scanner_.job_class(entry.app, entry.job_class).starts_per_day;
    grant.want(key, limit.value_or(std::numeric_limits<std::int64_t>::max()));
  }
}

/// Puts what the job gets from others into argv; false: that is too much for a request, or no JSON.
bool IntentWriter::take_inputs(ClaimedJob& job) {
  if (text_bytes(job) + inputs_.bytes(job.id) > settings_.max_script_bytes)
    return false;
  auto argv = inputs_.take(job.id, job.row.attempt);
  if (!argv)
    return false;
  job.argv = *std::move(argv);
  return true;
}

void IntentWriter::end_unsent(const RoundPlan& plan, Begun& begun, WallTime now) {
  for (const JobId id : plan.expired)
    if (queue_.still_expired(id, now))
      if (const auto row = queue_.take(id))
        end(id, *row, EndCause::expired, "expires_at passed before it could be started", begun,
            now);
  for (const auto& [id, reason] : plan.hopeless)
    if (dependencies_.still_hopeless(id))
      if (const auto row = queue_.take(id))
        end(id, *row, EndCause::dependency, reason, begun, now);
  for (const QueueScan::Entry& entry : plan.unstartable)
    if (const auto job = queue_.claim(entry, now))
      end(job->id, job->row, EndCause::app, unknown_app_sentence(entry.app), begun, now);
}

void IntentWriter::end(JobId job, const JobRow& row, EndCause cause, const std::string& error,
                       Begun& begun, WallTime now) {
  const JobRow after = ended_unsent(row, cause, error, now);
  if (!queue_.save(job, row, after))
    return;
  notices_.job_changed(job, row.state, after.state, now);
  begun.refused.push_back({job, after.state, error});
}

std::string IntentWriter::too_long_sentence(std::int64_t bytes) const {
  return "script is too long: with argv it has " + std::to_string(bytes) +
         " bytes, the setting max_script_bytes allows " +
         std::to_string(settings_.max_script_bytes);
}

std::string IntentWriter::too_much_input_sentence(const ClaimedJob& job) const {
  return "what it gets by pass_as cannot be sent: with script and argv that is about " +
         std::to_string(text_bytes(job) + inputs_.bytes(job.id)) +
         " bytes of JSON, the setting max_script_bytes allows " +
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
