#include "poller/engine/replies/fact_reader.h"

#include "poller/engine/app_state.h"
#include "poller/engine/replies/decide.h"
#include "store/job_queue.h"
#include "store/result_log.h"

namespace kdq {

Facts FactReader::known(const ReplyOutcome& outcome, WallTime now) const {
  Facts facts;
  facts.keep_raw = settings_.keep_raw;
  const InFlight& request = outcome.end.request;
  const auto app = apps_.find(request.paid_from.app);
  if (app == apps_.end())
    return facts;
  const CircuitBreaker& breaker = app->second.breaker;
  const Endpoint endpoint = request.intent.endpoint;
  if (outcome.end.sent()) {
    const QuotaKey last = breaker.quota_key(endpoint, acted_until(outcome.end, now));
    if (last.day != request.paid_from.day)
      facts.also_paid = DayShare{last, breaker.allowed(endpoint)};
  }
  if (!outcome.refusal || request.of_former_run)
    return facts;
  if (breaker.spent_by_others(endpoint, *outcome.refusal, request.paid_from.day, now))
    facts.spent_by_others = breaker.allowed(endpoint);
  return facts;
}

bool FactReader::needs_reading(const ReplyOutcome& outcome) {
  return needs_retry_policy(outcome) || frame_to_look_for(outcome).has_value();
}

void FactReader::read(const ReplyOutcome& outcome, Facts& facts) {
  const Intent& intent = outcome.end.request.intent;
  if (needs_retry_policy(outcome))
    facts.retry = queue_.retry_policy(intent.job);
  if (const auto frame = frame_to_look_for(outcome))
    facts.log_lacks_frame =
        log_.lacks_frame(intent.job, intent.attempt, frame->opening, frame->closing);
}

} // namespace kdq
