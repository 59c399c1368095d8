// What the engine tells its surroundings while it works. The daemon logs it; tests record it.
#pragma once

#include "store/job.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kdq {

/// Counts a person wants to see in one line (`systemctl status`).
struct EngineStatus {
  std::size_t running = 0;
  std::size_t queued = 0;
  std::size_t unsaved_replies = 0; ///< replies that wait for the database to become writable
  std::int64_t polls_left = 0;     ///< of today's status quota, over all apps
  std::int64_t polls_allowed = 0;  ///< today's status quota, over all apps
  std::string trouble;             ///< one sentence, empty when all is well
};

/// Texts passed here are free of secrets; listeners may log them as they are.
class Events {
public:
  virtual ~Events() = default;
  /// How many tasks a start goes on with, and how many requests of the last run had no answer.
  virtual void recovered(std::size_t running, std::size_t gaps, std::size_t unconfirmed) = 0;
  virtual void submitted(JobId job, int attempt) = 0;
  /// A status request is sent now, which the schedule had due at that civil time.
  virtual void polled(JobId job, WallTime due) = 0;
  /// The job has left the engine's hands: an end state, unconfirmed, or back to queued.
  virtual void settled(JobId job, JobState state, std::string_view error) = 0;
  virtual void gap(JobId job, int attempt, std::string_view reason) = 0;
  /// Something an operator may want to act on; said once when it begins.
  virtual void trouble(std::string_view sentence) = 0;
  /// Something is not sent for a while, and goes on by itself; said once when it begins.
  virtual void waiting(std::string_view sentence) = 0;
  /// The trouble, or the wait, is over.
  virtual void relief(std::string_view sentence) = 0;
};

} // namespace kdq
