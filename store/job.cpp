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
