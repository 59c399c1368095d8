// When to ask next. Pure: everything is a function of what was told and of `now`.
#pragma once

#include "poller/clock.h"
#include "store/job.h"

#include <chrono>

namespace kdq {

/// What is known of a task when the next question is planned; ages count from its start.
struct PollPoint {
  std::chrono::milliseconds last_poll{0}; ///< age at the last question; zero if there was none
  bool known_status = true; ///< false: the last reply had a status word that is not in the API
};

class PollSchedule {
public:
  virtual ~PollSchedule() = default;
  /// The age at which to ask next; always later than `last_poll`.
  virtual std::chrono::milliseconds next_poll(const PollPoint& task) const = 0;
};

/// Asks at ages that grow by a constant factor: the wait after the end of a script is at most that
/// share of its run time, and a script of any length costs few questions.
class GeometricSchedule : public PollSchedule {
public:
  std::chrono::milliseconds next_poll(const PollPoint& task) const override;
};

} // namespace kdq
