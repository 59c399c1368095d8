// Whether the database can be written, as far as is known.
#pragma once

#include "store/base/time.h"

#include <chrono>
#include <cstdint>
#include <string>

namespace kdq {

class Clock;
class Database;
class Events;
class StatusTables;
struct StoreUnavailable;

/// After a write that held the lock for long (StoreUnavailable::Cause::too_long) nothing is written
/// for so long, doubled up to the longest: whoever is to blame must be able to undo it. Longer, and
/// the daemon would be slow to go on once the reason is gone.
inline constexpr std::chrono::milliseconds first_rest{1000};
inline constexpr std::chrono::milliseconds longest_rest{16'000};

/// Tells Events once when it begins, and once when it is over; and the table `daemon`, where that
/// can be written although others cannot.
class StoreTrouble {
public:
  StoreTrouble(Database& database, StatusTables& tables, const Clock& clock, Events& events)
      : database_(database), tables_(tables), clock_(clock), events_(events) {}

  /// A write failed; returns when to try again.
  SteadyTime failed(const StoreUnavailable& error);
  /// A tick came to its end without a failure; one that had nothing to write proves nothing.
  void passed();
  /// Until then nothing is to be written: whoever is to blame must be able to undo it.
  SteadyTime rests_until() const { return rests_until_; }
  /// When passed() is to be called at the latest; far future: there is no trouble.
  SteadyTime next_wake() const;
  /// Empty: there is no trouble.
  const std::string& sentence() const { return sentence_; }

private:
  void show(const std::string& sentence);

  Database& database_;
  StatusTables& tables_;
  const Clock& clock_;
  Events& events_;
  std::string sentence_;
  std::string shown_;                    ///< what the table may say
  int failures_ = 0;                     ///< in a row
  std::uint64_t commits_at_failure_ = 0; ///< at the last one
  SteadyTime failed_at_{};
  SteadyTime rests_until_{};
};

} // namespace kdq
