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

std::string_view to_text(Endpoint endpoint) {
  return endpoint == Endpoint::submit ? "submit" : "status";
}

} // namespace kdq
