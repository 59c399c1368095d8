#include "poller/engine/replies/effect_writer.h"

#include "poller/engine/notices.h"
#include "poller/engine/replies/effects.h"
#include "store/job_queue.h"
#include "store/metric_counters.h"
#include "store/quota_ledger.h"
#include "store/request_log.h"
#include "store/result_log.h"
#include "store/run_times.h"

#include <map>
#include <string>
#include <utility>

namespace kdq {
namespace {

/// Instead of going back to the queue: a newer job with its unique_key is there.
void end_superseded(JobChange& row, JobId newer, WallTime now) {
  const bool has_run = row.rerun.has_value(); // and failed
  row.after.state = has_run ? JobState::failed : JobState::cancelled;
  row.after.error += (row.after.error.empty() ? "job " : "; it is not run again: job ") +
                     std::to_string(newer.value) + " has taken its place (supersede)";
  row.after.cause = EndCause::superseded;
  row.after.finished_at = now;
  row.rerun.reset();
}

} // namespace

std::vector<bool> EffectWriter::save(const std::vector<const Effects*>& batch) {
  std::vector<bool> ours;
  ours.reserve(batch.size());
  std::map<std::pair<std::string, WallTime>, std::int64_t> starts; // by app and half minute
  for (const Effects* effects : batch) {
    const Saved saved = save(*effects);
    ours.push_back(saved.ours);
    if (saved.stored && effects->counts_as_start) {
      const InFlight& request = effects->request->request;
      ++starts[{request.paid_from.app, RunTimes::half_minute(request.intent.sent_at)}];
    }
  }
  for (const auto& [when, count] : starts)
    run_times_.count_starts(when.first, when.second, count);
  return ours;
}

bool EffectWriter::save_piece(const ReplyOutcome& reply, WallTime now) {
  const Intent& intent = reply.end.request.intent;
  if (!requests_.advance(intent, reply.entries))
    return false;
  log_.append(intent.job, intent.attempt, reply.lines, now);
  return true;
}

EffectWriter::Saved EffectWriter::save(const Effects& effects) {
  save_quota(effects);
  save_learnt(effects);
  const bool ours = save_row(effects);
  if (!ours && (effects.late_polls > 0 || effects.late_gaps > 0))
    queue_.count_late(effects.job, effects.attempt, effects.late_polls, effects.late_gaps);
  // After the row: the database keeps the intent of a job that has not changed.
  const bool ended = effects.request && requests_.end(effects.request->request.intent);
  if (ended)
    count(effects, ours);
  if (!ours && !ended)
    return {false, false}; // the user deleted the job, and with it the right to its lines
  log_.append(effects.job, effects.attempt, effects.lines, effects.at.wall);
  if (effects.gap)
    log_.gap(effects.job, effects.attempt, *effects.gap, effects.at.wall);
  record(effects, ours);
  return {ours, true};
}

void EffectWriter::save_quota(const Effects& effects) {
  if (!effects.request)
    return;
  const QuotaKey& key = effects.request->request.paid_from;
  if (effects.give_back) {
    ledger_.give_back(key, 1);
    if (const std::string& job_class = effects.request->request.job_class; !job_class.empty())
      ledger_.give_back({key.app, key.endpoint, key.day, job_class}, 1);
  }
  if (effects.also_paid)
    ledger_.take(effects.also_paid->of, effects.also_paid->allowed, 1);
  if (effects.spent_by_others)
    ledger_.spent_by_others(key, *effects.spent_by_others);
}

void EffectWriter::save_learnt(const Effects& effects) {
  if (effects.learnt.empty() && effects.forgotten.empty())
    return;
  const std::string& app = effects.request->request.paid_from.app;
  for (const RunRow& row : effects.learnt)
    run_times_.add(app, row);
  for (const std::string& key : effects.forgotten)
    run_times_.forget(app, key);
}

bool EffectWriter::save_row(const Effects& effects) {
  if (!effects.row)
    return false;
  JobChange row = *effects.row;
  if (row.after.state == JobState::queued)
    if (const auto newer = queue_.superseded_by(effects.job))
      end_superseded(row, *newer, effects.at.wall);
  if (row.rerun)
    return queue_.save_for_later(effects.job, row.before, row.after, row.rerun->not_before,
                                 row.rerun->why);
  const bool ours = queue_.save(effects.job, row.before, row.after);
  if (ours)
    notices_.job_changed(effects.job, row.before.state, row.after.state, effects.at.wall);
  return ours;
}

/// With the row of its intent, so that no request counts twice.
void EffectWriter::count(const Effects& effects, bool ours) {
  const InFlight& request = effects.request->request;
  const std::string& app = request.paid_from.app;
  metrics_.request_ended(app, request.intent.endpoint, effects.request->outcome);
  if (!ours || !effects.seen_end)
    return;
  metrics_.job_ran(app, effects.seen_end->ran);
  if (effects.seen_end->unseen)
    metrics_.end_seen(app, *effects.seen_end->unseen);
}

void EffectWriter::record(const Effects& effects, bool ours) {
  if (!effects.request)
    return;
  // The row of a job that is not ours takes no task id and no result: what came stays as received.
  const KeepRequest keep = ours ? effects.keep : KeepRequest::all;
  if (keep == KeepRequest::nothing)
    return;
  const RequestEnd& end = *effects.request;
  RequestRecord record{end.request.intent, effects.at.wall, end.http_status, end.outcome, {}};
  if (keep == KeepRequest::all)
    record.body = end.body;
  if (ours && end.outcome == RequestOutcome::accepted) // the job's row has it, and nothing else
    record.body = kdocs_api::without_secret(std::move(record.body), effects.row->after.task_id,
                                            kdocs_api::SecretPart::whole);
  requests_.record(record);
}

} // namespace kdq
