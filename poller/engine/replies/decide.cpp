#include "poller/engine/replies/decide.h"

#include "poller/api/closing_time.h"
#include "poller/quota/quota_policy.h"

#include <algorithm>
#include <utility>

namespace kdq {
namespace {

using namespace std::chrono_literals;
using kdocs_api::ErrorClass;

// on_unconfirmed = 'retry': a service that loses every reply must not run a script for ever.
constexpr std::int64_t max_unconfirmed_retries = 3;
// poller/api/README.md, section 3: three in a row say that the task is expired or wrong.
// Over no less than a minute: a service that restarts may not know its tasks for a moment.
constexpr int replies_until_task_is_gone = 3;
constexpr std::chrono::milliseconds time_until_task_is_gone = 1min;
constexpr std::chrono::milliseconds gap_of_gone =
    time_until_task_is_gone / (replies_until_task_is_gone - 1);
// A code that is not in the table: a bounded number of times, then the job is held for the
// operator, that is, asked about rarely until its deadline.
constexpr int replies_until_asked_rarely = 10;
constexpr std::chrono::milliseconds rare_gap = 10min;
// A job past its deadline waits this long for a report, if the reports fail to come.
constexpr std::chrono::milliseconds patience_after_deadline = 10min;
// A reply that is damaged says before the damage that the script has ended: asked again, the
// service may give the result. Not for ever: what it sends whole it will send again, and a
// connection that breaks does not break each time.
constexpr int damaged_ends_until_believed = 2;
constexpr int cut_off_ends_until_believed = 5;
// Between status requests that failed: up to 1 s, doubled up to a minute.
constexpr std::chrono::milliseconds first_retry = 1s;
constexpr std::chrono::milliseconds longest_retry = 60s;
// A status word that the API does not have is no end: ask slowly until the deadline.
constexpr std::chrono::milliseconds gap_of_unknown_status = 1min;
// Between the attempts of a script that failed.
constexpr std::chrono::milliseconds first_rerun = 30s;
constexpr std::chrono::milliseconds longest_rerun = 1h;

constexpr const char* frame_is_missing =
    "the log that KDocs gave lacks its opening or its closing line";

std::string seconds_text(std::chrono::milliseconds span) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(span).count()) + " s";
}

JobRow next(const JobRow& row) {
  JobRow after = row;
  ++after.rev;
  return after;
}

/// The row of a job that goes back to the queue: the traces of the last attempt leave it.
JobRow queued_again(const JobRow& row, const std::string& error) {
  JobRow after;
  after.state = JobState::queued;
  after.attempt = row.attempt;
  after.error = error;
  after.rev = row.rev + 1;
  return after;
}

JobRow ended_row(const JobRow& row, EndCause cause, const std::string& error, WallTime now) {
  JobRow after = next(row);
  after.state = end_state(cause);
  after.cause = cause;
  after.error = error;
  after.finished_at = now;
  return after;
}

/// The task, if the reply is about what it does now.
const Task* ours(const ReplyOutcome& outcome, const Task* task) {
  const Intent& intent = outcome.end.request.intent;
  const JobState expected =
      intent.endpoint == Endpoint::submit ? JobState::submitting : JobState::running;
  return task && task->row.attempt == intent.attempt && task->row.state == expected ? task
                                                                                    : nullptr;
}

/// Moves a job that has failed back to the queue, if it may run again.
void try_again(JobChange& change, const Facts& facts, Moment now) {
  const RetryPolicy& policy = facts.retry;
  const int attempt = change.after.attempt;
  const WallTime at =
      now.wall + spread(backoff(first_rerun, attempt - 1, longest_rerun), facts.random);
  if (attempt >= policy.max_attempts || (policy.expires_at && *policy.expires_at <= at))
    return;
  change.rerun = Rerun{at, *change.after.cause};
  change.after = queued_again(change.before, change.after.error);
}

// --- starts ------------------------------------------------------------------------------------

JobRow not_confirmed(const JobRow& row, const RetryPolicy& policy, const std::string& reason,
                     WallTime now) {
  const std::string error = "it is not known whether the script was started: " + reason;
  if (policy.on_unconfirmed == OnUnconfirmed::fail)
    return ended_row(row, EndCause::unconfirmed, error, now);
  if (policy.on_unconfirmed == OnUnconfirmed::retry &&
      policy.unconfirmed_starts < max_unconfirmed_retries)
    return queued_again(row, error); // the attempt counts: it may have run
  JobRow after = next(row);
  after.state = JobState::unconfirmed;
  after.error = "it is not known whether the script was started; set state to 'queued' to run it "
                "(again) or to 'cancelled': " +
                reason;
  return after;
}

void settle(Effects& effects, const JobRow& before, JobRow after, const std::string& error) {
  effects.settled = Settled{after.state, error};
  effects.row = JobChange{before, std::move(after), {}};
}

struct StartDecision {
  Effects& effects;
  const JobRow* row; ///< null: the job is not ours
  const Facts& facts;
  Moment now;

  void operator()(const Started& started) const {
    effects.counts_as_start = true;
    if (!row)
      return;
    JobRow after = next(*row);
    after.state = JobState::running;
    after.task_id = started.task.value;
    after.submitted_at = effects.request->request.intent.sent_at;
    effects.row = JobChange{*row, std::move(after), {}};
    effects.schedule.kind = ScheduleNotice::Kind::started;
  }
  void operator()(const PutBack& back) const {
    if (!row)
      return;
    JobRow after = queued_again(*row, back.reason);
    --after.attempt; // nothing was spent
    settle(effects, *row, std::move(after), back.reason);
  }
  void operator()(const NotConfirmed& lost) const {
    if (row)
      settle(effects, *row, not_confirmed(*row, facts.retry, lost.reason, now.wall), lost.reason);
  }
  void operator()(const StartFailed& failed) const {
    if (!row)
      return;
    JobChange change{*row, ended_row(*row, EndCause::refused, failed.error, now.wall), {}};
    if (effects.request->sent()) // what was never sent would fail again
      try_again(change, facts, now);
    effects.settled = Settled{change.after.state, failed.error};
    effects.row = std::move(change);
  }
  void operator()(const Reported&) const {}
  void operator()(const NoReport&) const {}
};

// --- status requests ---------------------------------------------------------------------------

/// How a status request leaves its job.
struct Conclusion {
  bool ended = false;
  std::optional<EndCause> cause; ///< ended and nothing: success
  std::string error;
  bool may_run_again = false;
};

Conclusion conclude(const Reported& reported, const RequestEnd& end, const Task* task,
                    SteadyTime now) {
  const kdocs_api::StatusReport& report = reported.report;
  if (report.ended && report.error.empty())
    return {true, {}, {}, false};
  if (report.ended)
    return {true, EndCause::script, report.error, true};
  // What was asked before a restart is no reason to give a task up: it is asked once more.
  if (task && !end.request.of_former_run && task->age(now) >= task->timeout)
    return {true, EndCause::timeout,
            "still " + report.status + " on KDocs after " + seconds_text(task->timeout) +
                "; it may go on running there",
            false};
  return {};
}

/// Refusals about the app and what was never sent say nothing about the task, however late it is.
bool is_about_task(const NoReport& missing, const RequestEnd& end) {
  return end.sent() && !end.request.of_former_run && missing.error_class != ErrorClass::pause &&
         missing.error_class != ErrorClass::later && missing.error_class != ErrorClass::token &&
         missing.error_class != ErrorClass::blocked;
}

Conclusion conclude(const NoReport& missing, const RequestEnd& end, const Task* task,
                    SteadyTime now) {
  if (!task)
    return {};
  if (missing.error_class == ErrorClass::job_fails)
    return {true, EndCause::refused, missing.reason, end.sent()};
  if (missing.error_class == ErrorClass::task_gone &&
      task->failures.gone + 1 >= replies_until_task_is_gone &&
      now - task->failures.gone_since >= time_until_task_is_gone)
    return {true, EndCause::lost, missing.reason, false}; // nobody has seen that it failed
  if (is_about_task(missing, end) && task->age(now) >= task->timeout + patience_after_deadline)
    return {true, EndCause::silent,
            "not seen to end within " + seconds_text(task->timeout) +
                "; the last status request failed: " + missing.reason,
            false};
  return {false, {}, missing.reason, false};
}

/// A service that has begun to answer has acted; one that was slow, or is behind a gateway that
/// gave up, may yet. After a quick restart what waits in its socket is acted upon, too.
bool may_yet_act(const RequestEnd& end) {
  return end.outcome == RequestOutcome::lost || end.outcome == RequestOutcome::refused ||
         (end.outcome == RequestOutcome::unanswered && end.http_status == 0);
}

/// Until when the lines were written that a status request took, if its report is not to be had.
WallTime lines_taken_until(const RequestEnd& end, WallTime now) {
  const WallTime latest = end.request.intent.sent_at + longest_request;
  // In a restored file all is missing that was stored since its backup.
  if (end.outcome == RequestOutcome::lost)
    return std::max(latest, end.request.restored_at.value_or(latest));
  return may_yet_act(end) ? std::max(now, latest) : now;
}

std::optional<LogGap> gap_of(const ReplyOutcome& outcome, const Conclusion& conclusion,
                             const Facts& facts, WallTime now) {
  const InFlight& request = outcome.end.request;
  const WallTime until = lines_taken_until(outcome.end, now);
  if (!outcome.gap.empty())
    return LogGap{outcome.gap, request.log_complete_until, until};
  if (!conclusion.ended)
    return std::nullopt;
  if (!std::holds_alternative<Reported>(outcome.meaning))
    return LogGap{"the task was not asked to its end: " + conclusion.error,
                  request.log_complete_until, until};
  if (facts.log_lacks_frame && conclusion.cause != EndCause::timeout)
    return LogGap{frame_is_missing, request.log_begins, until}; // it may lack anything
  return std::nullopt;
}

JobChange change_of(const JobRow& row, const ReplyOutcome& outcome, const Conclusion& conclusion,
                    const Effects& effects, const Facts& facts) {
  JobChange change{row, next(row), {}};
  JobRow& after = change.after;
  after.error = conclusion.error;
  after.polls += effects.late_polls;
  after.log_gaps += effects.late_gaps;
  const auto* reported = std::get_if<Reported>(&outcome.meaning);
  if (reported) {
    after.reported_at = outcome.end.request.intent.sent_at;
    if (!reported->report.status.empty())
      after.remote_status = reported->report.status;
  }
  if (outcome.progress) {
    after.progress = outcome.progress->percent;
    after.progress_text = outcome.progress->text;
  }
  if (!conclusion.ended)
    return change;
  after.state = conclusion.cause ? end_state(*conclusion.cause) : JobState::succeeded;
  after.cause = conclusion.cause;
  after.finished_at = effects.at.wall;
  after.result = reported && reported->report.ended ? reported->report.result : "";
  if (after.state == JobState::failed && conclusion.may_run_again)
    try_again(change, facts, effects.at);
  return change;
}

/// How many replies in a row said before their damage that the script has ended so, with this one.
int ends_in_row(const PollFailures& failures, const kdocs_api::StatusReport& end) {
  return failures.ends > 0 && failures.end_error != end.error ? 1 : failures.ends + 1;
}

/// Whether such an end is to be believed now.
bool is_believed(const NoReport& missing, const RequestEnd& end, const Task& task, SteadyTime now) {
  const int enough = end.outcome == RequestOutcome::damaged ? damaged_ends_until_believed
                                                            : cut_off_ends_until_believed;
  return missing.end && (ends_in_row(task.failures, *missing.end) >= enough ||
                         task.age(now) >= task.timeout + patience_after_deadline);
}

PollFailures one_more(PollFailures failures, const NoReport& missing, SteadyTime now) {
  const ErrorClass error_class = missing.error_class;
  ++failures.all;
  if (failures.gone == 0)
    failures.gone_since = now;
  failures.gone = error_class == ErrorClass::task_gone ? failures.gone + 1 : 0;
  failures.unknown_codes = error_class == ErrorClass::unknown_code ? failures.unknown_codes + 1 : 0;
  failures.ends = missing.end ? ends_in_row(failures, *missing.end) : 0;
  failures.end_error = missing.end ? missing.end->error : std::string{};
  return failures;
}

/// The log's word counts as far as it agrees with what was seen of the task: the service's clock
/// may be another one.
SeenEnd seen_end_of(const JobRow& row, std::optional<WallTime> closed_at, WallTime now) {
  const WallTime begin = std::min(row.submitted_at.value_or(now), now);
  if (!closed_at)
    return {now - begin, {}};
  const WallTime ran_at = std::clamp(row.reported_at.value_or(begin), begin, now);
  const WallTime end = std::clamp(*closed_at, ran_at, now);
  return {end - begin, now - end};
}

/// When a task that still runs is asked next, as far as its reply has a say.
void plan_next(Effects& effects, const ReplyOutcome& outcome, const Task& task,
               const Facts& facts) {
  ScheduleNotice& schedule = effects.schedule;
  if (const auto* reported = std::get_if<Reported>(&outcome.meaning)) {
    schedule.kind = ScheduleNotice::Kind::found_running;
    schedule.at = outcome.end.request.sent_steady;
    if (reported->report.status != kdocs_api::running_word)
      schedule.slow_until = effects.at.steady + gap_of_unknown_status;
    return;
  }
  effects.failures =
      one_more(task.failures, std::get<NoReport>(outcome.meaning), effects.at.steady);
  std::chrono::milliseconds gap =
      spread(backoff(first_retry, effects.failures.all - 1, longest_retry), facts.random);
  if (effects.failures.unknown_codes >= replies_until_asked_rarely)
    gap = rare_gap;
  else if (effects.failures.gone > 0)
    gap = gap_of_gone;
  schedule.kind = ScheduleNotice::Kind::postponed;
  schedule.at = effects.at.steady + gap;
}

void decide_poll(Effects& effects, ReplyOutcome& outcome, const Task* task, const Facts& facts) {
  if (auto* missing = std::get_if<NoReport>(&outcome.meaning);
      missing && task && is_believed(*missing, outcome.end, *task, effects.at.steady))
    outcome.meaning = Reported{*std::move(missing->end)};
  const auto* reported = std::get_if<Reported>(&outcome.meaning);
  const SteadyTime now = effects.at.steady;
  const Conclusion conclusion =
      reported ? conclude(*reported, outcome.end, task, now)
               : conclude(std::get<NoReport>(outcome.meaning), outcome.end, task, now);
  effects.gap = gap_of(outcome, conclusion, facts, effects.at.wall);
  effects.late_polls = outcome.end.sent() ? 1 : 0;
  effects.late_gaps = effects.gap ? 1 : 0;
  if (!task)
    return;
  effects.heard = reported != nullptr;
  effects.row = change_of(task->row, outcome, conclusion, effects, facts);
  if (!conclusion.ended) {
    plan_next(effects, outcome, *task, facts);
    return;
  }
  effects.settled = Settled{effects.row->after.state, conclusion.error};
  if (!reported || !reported->report.ended)
    return;
  const auto closed_at = closing_time(outcome.lines);
  effects.schedule = {ScheduleNotice::Kind::ended, {}, closed_at, {}};
  effects.seen_end = seen_end_of(task->row, closed_at, effects.at.wall);
}

// --- all requests ------------------------------------------------------------------------------

BreakerNotice breaker_notice(const ReplyOutcome& outcome) {
  using Kind = BreakerNotice::Kind;
  const RequestEnd& end = outcome.end;
  if (end.request.of_former_run)
    return {}; // it says how things stood then
  if (outcome.refusal)
    return {Kind::refused, {}, *outcome.refusal};
  switch (end.outcome) {
  case RequestOutcome::accepted:
  case RequestOutcome::report:
    return {Kind::worked, {}, {}};
  case RequestOutcome::not_sent:
  case RequestOutcome::unanswered:
    return {Kind::unreachable, end.reason, {}};
  case RequestOutcome::refused:
  case RequestOutcome::unknown:
  case RequestOutcome::damaged:
  case RequestOutcome::lost:
    break;
  }
  return {Kind::replied, {}, {}};
}

/// What becomes rows of ours need not be kept a second time as received; and of a plain report not
/// even that there was one: a busy app asks a million times a day.
KeepRequest keep_of(const ReplyOutcome& outcome, bool keep_raw) {
  if (keep_raw || !outcome.gap.empty()) // then something of it became no rows
    return KeepRequest::all;
  if (outcome.end.outcome == RequestOutcome::report)
    return KeepRequest::nothing;
  return outcome.end.outcome == RequestOutcome::accepted ? KeepRequest::row : KeepRequest::all;
}

Effects without_reply(const Task& task, Moment now) {
  Effects effects;
  effects.job = task.id;
  effects.attempt = task.row.attempt;
  effects.at = now;
  return effects;
}

} // namespace

bool needs_retry_policy(const ReplyOutcome& outcome) {
  if (const auto* reported = std::get_if<Reported>(&outcome.meaning))
    return reported->report.ended && !reported->report.error.empty();
  if (const auto* missing = std::get_if<NoReport>(&outcome.meaning))
    return missing->error_class == ErrorClass::job_fails ||
           (missing->end && !missing->end->error.empty());
  return std::holds_alternative<NotConfirmed>(outcome.meaning) ||
         std::holds_alternative<StartFailed>(outcome.meaning);
}

std::optional<LogFrame> frame_to_look_for(const ReplyOutcome& outcome) {
  const auto* reported = std::get_if<Reported>(&outcome.meaning);
  if (!reported || !reported->report.ended)
    return std::nullopt;
  const std::vector<LogLine>& lines = outcome.lines;
  // A script that failed has no closing line.
  const bool closed = !reported->report.error.empty() ||
                      (!lines.empty() && lines.back().message == kdocs_api::closing_line);
  if (closed && !lines.empty() && lines.front().message == kdocs_api::opening_line)
    return std::nullopt;
  return LogFrame{kdocs_api::opening_line, closed ? "" : kdocs_api::closing_line};
}

WallTime acted_until(const RequestEnd& end, WallTime now) {
  const WallTime sent_at = end.request.intent.sent_at;
  const WallTime latest = sent_at + longest_request;
  return may_yet_act(end) ? latest : std::clamp(now, sent_at, latest);
}

Effects decide(ReplyOutcome outcome, const Task* task, const Facts& facts, Moment now) {
  Effects effects;
  const Intent& intent = outcome.end.request.intent;
  effects.job = intent.job;
  effects.attempt = intent.attempt;
  effects.at = now;
  effects.keep = keep_of(outcome, facts.keep_raw);
  effects.give_back = !outcome.end.sent();
  effects.also_paid = facts.also_paid;
  effects.spent_by_others = facts.spent_by_others;
  effects.breaker = breaker_notice(outcome);
  if (outcome.end.outcome != RequestOutcome::lost) // of those the start tells how many there are
    effects.gap_told = outcome.gap;
  const Task* mine = ours(outcome, task);
  if (intent.endpoint == Endpoint::submit) {
    effects.request = std::move(outcome.end);
    std::visit(StartDecision{effects, mine ? &mine->row : nullptr, facts, now}, outcome.meaning);
  } else {
    decide_poll(effects, outcome, mine, facts);
    effects.request = std::move(outcome.end);
    effects.lines = std::move(outcome.lines);
  }
  if (effects.request->outcome == RequestOutcome::lost)
    effects.settled.reset();
  return effects;
}

Effects decide_unsendable(InFlight request, const Task& task, const std::string& error,
                          Moment now) {
  Effects effects = without_reply(task, now);
  settle(effects, task.row, ended_row(task.row, EndCause::invalid, error, now.wall), error);
  effects.request = RequestEnd{std::move(request), RequestOutcome::not_sent, 0, {}, error};
  effects.give_back = true;
  return effects;
}

Effects decide_without_intent(const Task& task, const Facts& facts, Moment now) {
  const std::string reason = "the row of its request is missing";
  Effects effects = without_reply(task, now);
  effects.row =
      JobChange{task.row, not_confirmed(task.row, facts.retry, reason, now.wall), std::nullopt};
  return effects;
}

Effects decide_silent(const Task& task, const std::string& error, Moment now) {
  Effects effects = without_reply(task, now);
  const WallTime from = task.row.reported_at.value_or(task.row.submitted_at.value_or(now.wall));
  effects.gap = LogGap{error, from, now.wall};
  JobRow after = ended_row(task.row, EndCause::silent, error, now.wall);
  ++after.log_gaps;
  settle(effects, task.row, std::move(after), error);
  return effects;
}

JobRow ended_unsent(const JobRow& row, EndCause cause, const std::string& error, WallTime now) {
  JobRow after = ended_row(row, cause, error, now);
  if (row.state == JobState::submitting)
    --after.attempt; // it was not started
  return after;
}

} // namespace kdq
