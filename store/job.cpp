#include "store/job.h"

#include <cassert>

namespace kdq {

std::string_view to_text(JobState state) {
  switch (state) {
  case JobState::queued:
    return "queued";
  case JobState::submitting:
    return "submitting";
  case JobState::running:
    return "running";
  case JobState::unconfirmed:
    return "unconfirmed";
  case JobState::succeeded:
    return "succeeded";
  case JobState::failed:
    return "failed";
  case JobState::timed_out:
    return "timed_out";
  case JobState::cancelled:
    return "cancelled";
  }
  assert(false);
  return "";
}

std::optional<JobState> job_state(std::string_view text) {
  using enum JobState;
  for (const JobState state :
       {queued, submitting, running, unconfirmed, succeeded, failed, timed_out, cancelled})
    if (to_text(state) == text)
      return state;
  return std::nullopt;
}

std::string_view to_text(EndCause cause) {
  switch (cause) {
  case EndCause::script:
    return "script";
  case EndCause::refused:
    return "refused";
  case EndCause::invalid:
    return "invalid";
  case EndCause::input:
    return "input";
  case EndCause::app:
    return "app";
  case EndCause::unconfirmed:
    return "unconfirmed";
  case EndCause::lost:
    return "lost";
  case EndCause::timeout:
    return "timeout";
  case EndCause::silent:
    return "silent";
  case EndCause::expired:
    return "expired";
  case EndCause::dependency:
    return "dependency";
  case EndCause::superseded:
    return "superseded";
  case EndCause::user:
    return "user";
  }
  assert(false);
  return "";
}

std::optional<EndCause> end_cause(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(last_end_cause); ++i)
    if (to_text(static_cast<EndCause>(i)) == text)
      return static_cast<EndCause>(i);
  return std::nullopt;
}

JobState end_state(EndCause cause) {
  switch (cause) {
  case EndCause::script:
  case EndCause::refused:
  case EndCause::invalid:
  case EndCause::input:
  case EndCause::app:
  case EndCause::unconfirmed:
  case EndCause::lost:
    return JobState::failed;
  case EndCause::timeout:
  case EndCause::silent:
  case EndCause::expired:
    return JobState::timed_out;
  case EndCause::dependency:
  case EndCause::superseded:
  case EndCause::user:
    break;
  }
  return JobState::cancelled;
}

std::string_view to_text(Endpoint endpoint) {
  return endpoint == Endpoint::submit ? "submit" : "status";
}

std::optional<Endpoint> endpoint_of(std::string_view text) {
  for (const Endpoint endpoint : {Endpoint::submit, Endpoint::status})
    if (to_text(endpoint) == text)
      return endpoint;
  return std::nullopt;
}

} // namespace kdq
