#include "poller/engine/reply_store.h"

#include "poller/api/closing_time.h"
#include "poller/schedule/stored_runs.h"

#include <algorithm>
#include <cassert>

namespace kdq {
namespace {

using namespace std::chrono_literals;
using kdocs_api::ErrorClass;

// Replies and lines stored by one transaction: it holds the write lock for well under a
// millisecond (tests/bench/holds). One reply is never split, however many lines it has.
constexpr std::size_t batch_replies = 32;
constexpr std::size_t batch_lines = 128;
// kdocs-api §3: three in a row say that the task is expired or wrong.
constexpr int replies_until_task_is_gone = 3;
// A code that is not in the table: a bounded number of times, then the job is held for the
// operator, that is, asked about rarely until its deadline.
constexpr int replies_until_held = 10;
constexpr std::chrono::milliseconds held_gap = 10min;
// A job past its deadline waits this long for a report, if the reports fail to come.
constexpr std::chrono::milliseconds patience_after_deadline = 10min;
// Between status requests that failed: up to 1 s, doubled up to a minute.
constexpr std::chrono::milliseconds first_retry = 1s;
constexpr std::chrono::milliseconds longest_retry = 60s;

// A status word that the API does not have is no end: ask slowly until the deadline.
constexpr std::chrono::milliseconds gap_of_unknown_status = 1min;
// Between the attempts of a script that failed.
constexpr std::chrono::milliseconds first_rerun = 30s;
constexpr std::chrono::milliseconds longest_rerun = 1h;

/// Whether the reply that says the end holds the whole log, from its opening to its closing line.
bool has_frame(const std::vector<LogLine>& lines) {
  return !lines.empty() && lines.front().message == kdocs_api::opening_line &&
         lines.back().message == kdocs_api::closing_line;
}

std::string seconds_text(std::chrono::milliseconds span) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(span).count()) + " s";
}

} // namespace

void ReplyStore::add(Reply reply) {
  const auto found = state_.in_flight.find(reply.request);
  assert(found != state_.in_flight.end());
  add(judge(found->second, std::move(reply.delivery)));
}

void ReplyStore::save(SteadyTime until) {
  for (bool first = true; !unsaved_.empty(); first = false) {
    const Moment now = state_.now();
    if (!first && now.steady >= until)
      return;
    const std::size_t count = next_batch();
    std::vector<StatusChange> changes(count);
    for (std::size_t i = 0; i < count; ++i) {
      changes[i] = conclude(unsaved_[i].outcome, now);
      prepare(unsaved_[i], changes[i], now);
    }
    std::vector<Step> steps(count);
    state_.database.write([&] {
      starts_.clear();
      for (std::size_t i = 0; i < count; ++i)
        steps[i] = apply(unsaved_[i], changes[i], now);
      for (const auto& [when, starts] : starts_)
        state_.run_times.count_starts(when.first, when.second, starts);
    });
    for (std::size_t i = 0; i < count; ++i)
      follow_up(unsaved_[i].outcome, steps[i], now);
    unsaved_.erase(unsaved_.begin(), unsaved_.begin() + static_cast<std::ptrdiff_t>(count));
  }
}

/// How many of the replies go into the next transaction; at least one.
std::size_t ReplyStore::next_batch() const {
  std::size_t count = 0;
  std::size_t lines = 0;
  while (count < std::min(unsaved_.size(), batch_replies)) {
    lines += unsaved_[count].outcome.lines.size();
    if (count > 0 && lines > batch_lines)
      break;
    ++count;
  }
  return count;
}

void ReplyStore::spill(SpillFile& file) {
  std::vector<SpilledReply> replies;
  replies.reserve(unsaved_.size());
  for (const Unsaved& unsaved : unsaved_) {
    replies.push_back(to_spill(unsaved.outcome));
    state_.in_flight.erase(unsaved.outcome.request.id);
  }
  const bool whole = file.write(replies);
  state_.events.trouble(std::to_string(replies.size()) +
                        (whole ? " replies that the database could not take are in the spill file; "
                                 "the next start stores them"
                               : " replies could not be stored, and not all of them fit into the "
                                 "spill file: the next start marks gaps"));
  unsaved_.clear();
}

/// What a poll's reply does to the job's row.
StatusChange ReplyStore::conclude(const ReplyOutcome& outcome, Moment now) const {
  StatusChange change;
  if (outcome.request.endpoint == Endpoint::submit)
    return change;
  const Task* task = state_.tasks.find(outcome.request.job);
  const bool ours = task && task->attempt == outcome.request.attempt;

  if (const auto* reported = std::get_if<Reported>(&outcome.meaning)) {
    const kdocs_api::StatusReport& report = reported->report;
    change.remote_status = report.status;
    if (report.ended) {
      change.end = report.error.empty() ? JobState::succeeded : JobState::failed;
      change.result = report.result;
      change.error = report.error;
    } else if (ours && task->age(now.steady) >= task->timeout) {
      change.end = JobState::timed_out;
      change.error = "still " + report.status + " on KDocs after " + seconds_text(task->timeout) +
                     "; it may go on running there";
    }
    return change;
  }
  const auto& missing = std::get<NoReport>(outcome.meaning);
  if (!ours)
    return change;
  change.error = missing.reason;
  // Refusals about the app and what was never sent say nothing about the task, however late it is.
  const bool about_task = outcome.sent && missing.error_class != ErrorClass::pause &&
                          missing.error_class != ErrorClass::later &&
                          missing.error_class != ErrorClass::token &&
                          missing.error_class != ErrorClass::blocked;
  if (missing.error_class == ErrorClass::job_fails ||
      (missing.error_class == ErrorClass::task_gone &&
       task->gone + 1 >= replies_until_task_is_gone)) {
    change.end = JobState::failed;
  } else if (about_task && task->age(now.steady) >= task->timeout + patience_after_deadline) {
    change.end = JobState::timed_out;
    change.error = "not seen to end within " + seconds_text(task->timeout) +
                   "; the last status request failed: " + missing.reason;
  }
  return change;
}

/// What is decided once for a reply, however often its transaction is tried.
void ReplyStore::prepare(Unsaved& unsaved, const StatusChange& change, Moment now) {
  if (unsaved.learnt)
    return;
  unsaved.learnt.emplace();
  const InFlight& request = unsaved.outcome.request;
  unsaved.try_again_at =
      now.wall + state_.jitter.within(backoff(first_rerun, request.attempt - 1, longest_rerun));
  const Task* task = state_.tasks.find(request.job);
  const auto* reported = std::get_if<Reported>(&unsaved.outcome.meaning);
  if (!task || task->attempt != request.attempt || !reported || !reported->report.ended ||
      !change.end)
    return;
  AppState* app = state_.app_of(*task);
  if (!app)
    return;
  std::optional<SteadyTime> ended_at;
  if (const auto civil = closing_time(unsaved.outcome.lines))
    ended_at = to_steady(*civil, now);
  unsaved.learnt = app->schedule.ended(request.job, now.steady, ended_at);
}

/// After prepare().
void ReplyStore::store_learnt(const Unsaved& unsaved, Moment now) {
  const std::string& app = unsaved.outcome.request.paid_from.app;
  for (const LearntRun& run : unsaved.learnt->rows)
    state_.run_times.add(app, to_row(run, now));
  for (const std::string& key : unsaved.learnt->forgotten)
    state_.run_times.forget(app, key);
}

ReplyStore::Step ReplyStore::apply(const Unsaved& unsaved, StatusChange change, Moment now) {
  const ReplyOutcome& outcome = unsaved.outcome;
  const InFlight& request = outcome.request;
  if (!outcome.sent)
    state_.ledger.give_back(request.paid_from, 1);
  if (const auto app = state_.apps.find(request.paid_from.app);
      outcome.refusal && app != state_.apps.end() &&
      app->second.breaker.spent_by_others(request.endpoint, *outcome.refusal, request.paid_from.day,
                                          now.wall))
    state_.ledger.spent_by_others(request.paid_from, app->second.breaker.allowed(request.endpoint));
  store_learnt(unsaved, now);
  // What becomes rows of ours in this transaction need not be kept a second time as received.
  const bool in_rows =
      !state_.settings.keep_raw && (std::holds_alternative<Started>(outcome.meaning) ||
                                    std::holds_alternative<Reported>(outcome.meaning));
  if (!state_.log.answered(outcome.end, now.wall, in_rows ? RawBody::dropped : RawBody::kept))
    return {}; // the user deleted the job, and with it the right to its lines
  Step step = request.endpoint == Endpoint::submit
                  ? apply_start(outcome, now.wall)
                  : apply_poll(outcome, std::move(change), now.wall);
  if (in_rows && !step.state) // the user has cancelled the job: its row takes no task id, no result
    state_.log.keep_body(outcome.end);
  // What was never sent would fail again, and of what KDocs does not know any more nobody has seen
  // that it failed.
  const auto* missing = std::get_if<NoReport>(&outcome.meaning);
  if (step.state == JobState::failed && outcome.sent &&
      !std::holds_alternative<NotConfirmed>(outcome.meaning) &&
      !(missing && missing->error_class == ErrorClass::task_gone) &&
      state_.queue.try_again(request.job, request.attempt, unsaved.try_again_at))
    step.state = JobState::queued;
  return step;
}

ReplyStore::Step ReplyStore::apply_start(const ReplyOutcome& outcome, WallTime now) {
  const InFlight& request = outcome.request;
  JobQueue& queue = state_.queue;
  const auto step = [](bool applied, JobState state, const std::string& error) {
    return applied ? Step{state, error} : Step{};
  };
  if (const auto* started = std::get_if<Started>(&outcome.meaning)) {
    ++starts_[{request.paid_from.app, RunTimes::half_minute(request.sent_at)}];
    return step(queue.submitted(request.job, request.attempt, started->task, request.sent_at),
                JobState::running, {});
  }
  if (const auto* back = std::get_if<PutBack>(&outcome.meaning))
    return step(queue.put_back(request.job, request.attempt, back->reason), JobState::queued,
                back->reason);
  if (const auto* lost = std::get_if<NotConfirmed>(&outcome.meaning))
    return {queue.not_confirmed(request.job, request.attempt, lost->reason, now), lost->reason};
  const auto& failed = std::get<StartFailed>(outcome.meaning);
  return step(queue.submit_ended(request.job, request.attempt, JobState::failed, failed.error, now),
              JobState::failed, failed.error);
}

ReplyStore::Step ReplyStore::apply_poll(const ReplyOutcome& outcome, StatusChange change,
                                        WallTime now) {
  const InFlight& request = outcome.request;
  state_.log.append(request.job, request.attempt, outcome.lines, now);
  std::string gap = outcome.gap;
  if (gap.empty() && change.end && !std::holds_alternative<Reported>(outcome.meaning))
    gap = "the task was not asked to its end: " + change.error;
  std::optional<WallTime> from;
  if (!gap.empty())
    from = state_.log.complete_until(request.job, request.attempt);
  if (gap.empty() && std::holds_alternative<Reported>(outcome.meaning) && change.end &&
      *change.end != JobState::timed_out && !has_frame(outcome.lines) &&
      state_.log.lacks_frame(request.job, request.attempt, kdocs_api::opening_line,
                             *change.end == JobState::succeeded ? kdocs_api::closing_line : "")) {
    gap = "the log that KDocs gave lacks its opening or its closing line";
    from = state_.log.started_at(request.job, request.attempt); // it may lack anything
  }
  change.new_gaps = gap.empty() ? 0 : 1;
  if (!gap.empty()) {
    state_.log.gap(request.job, request.attempt, gap, from.value_or(request.sent_at),
                   lines_taken_until(outcome, now), now);
  }
  change.polls = outcome.sent ? 1 : 0;
  if (!state_.queue.status_seen(request.job, request.attempt, change, now))
    return {};
  return {change.end.value_or(JobState::running), change.error};
}

void ReplyStore::follow_up(const ReplyOutcome& outcome, const Step& step, Moment now) {
  const InFlight& request = outcome.request;
  state_.in_flight.erase(request.id);
  tell_gate(outcome, now);
  if (!outcome.gap.empty())
    state_.events.gap(request.job, request.attempt, outcome.gap);
  const Task* task = state_.tasks.find(request.job);
  if (!task || task->attempt != request.attempt)
    return;
  if (step.state != JobState::running) {
    state_.remove_task(request.job);
    if (step.state)
      state_.events.settled(request.job, *step.state, step.error);
  } else if (request.endpoint == Endpoint::submit) {
    follow_up_start(outcome);
  } else {
    follow_up_poll(outcome, now);
  }
}

void ReplyStore::tell_gate(const ReplyOutcome& outcome, Moment now) {
  const InFlight& request = outcome.request;
  const auto app = state_.apps.find(request.paid_from.app);
  if (app == state_.apps.end())
    return;
  CircuitBreaker& breaker = app->second.breaker;
  breaker.replied(request.sent_steady);
  if (outcome.refusal)
    breaker.refused(request.endpoint, *outcome.refusal, request.token, request.paid_from.day,
                    request.sent_steady, now);
  else if (const auto* lost = std::get_if<NotConfirmed>(&outcome.meaning))
    breaker.unreachable(lost->reason, now.steady);
  else if (const auto* back = std::get_if<PutBack>(&outcome.meaning); back && !outcome.sent)
    breaker.unreachable(back->reason, now.steady);
  else if (const auto* missing = std::get_if<NoReport>(&outcome.meaning);
           missing && (!outcome.sent || outcome.end.outcome == "unanswered"))
    breaker.unreachable(missing->reason, now.steady);
  else if (std::holds_alternative<Started>(outcome.meaning) ||
           std::holds_alternative<Reported>(outcome.meaning))
    breaker.worked(request.endpoint, request.sent_steady, now.wall);
}

void ReplyStore::follow_up_start(const ReplyOutcome& outcome) {
  Task& task = *state_.tasks.find(outcome.request.job);
  task.task = std::get<Started>(outcome.meaning).task;
  state_.follow(task);
  state_.events.submitted(outcome.request.job, outcome.request.attempt);
}

void ReplyStore::follow_up_poll(const ReplyOutcome& outcome, Moment now) {
  Task& task = *state_.tasks.find(outcome.request.job);
  if (const auto* reported = std::get_if<Reported>(&outcome.meaning)) {
    task.heard = now.steady;
    task.failures = 0;
    task.gone = 0;
    task.unknown_codes = 0;
    if (AppState* app = state_.app_of(task))
      app->schedule.found_running(task.id, outcome.request.sent_steady);
    if (reported->report.status != kdocs_api::running_word) // no end: ask slowly
      state_.postpone(task, now.steady + gap_of_unknown_status);
    return;
  }
  const auto& missing = std::get<NoReport>(outcome.meaning);
  ++task.failures;
  task.gone = missing.error_class == ErrorClass::task_gone ? task.gone + 1 : 0;
  task.unknown_codes = missing.error_class == ErrorClass::unknown_code ? task.unknown_codes + 1 : 0;
  const auto gap =
      task.unknown_codes >= replies_until_held
          ? held_gap
          : state_.jitter.within(backoff(first_retry, task.failures - 1, longest_retry));
  state_.postpone(task, now.steady + gap);
}

void ReplyStore::give_up(const std::vector<JobId>& jobs, const std::string& error) {
  const Moment now = state_.now();
  StatusChange change;
  change.end = JobState::timed_out;
  change.error = error;
  change.new_gaps = 1;
  change.polls = 0;
  state_.database.write([&] {
    for (const JobId id : jobs) {
      const int attempt = state_.tasks.find(id)->attempt;
      const auto from = state_.log.complete_until(id, attempt);
      if (state_.queue.status_seen(id, attempt, change, now.wall))
        state_.log.gap(id, attempt, error, from.value_or(now.wall), now.wall, now.wall);
    }
  });
  for (const JobId id : jobs) {
    state_.remove_task(id);
    state_.events.settled(id, JobState::timed_out, error);
  }
}

} // namespace kdq
