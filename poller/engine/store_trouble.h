// Whether the database can be written, as far as is known.
#pragma once

#include "store/base/time.h"

#include <cstdint>
#include <string>

namespace kdq {

class Clock;
class Database;
class Events;
struct StoreUnavailable;

/// Tells Events once when it begins, and once when it is over.
class StoreTrouble {
public:
  StoreTrouble(const Database& database, const Clock& clock, Events& events)
      : database_(database), clock_(clock), events_(events) {}

  /// A write failed; returns when to try again.
  SteadyTime failed(const StoreUnavailable& error);
  /// A tick came to its end without a failure; one that had nothing to write proves nothing.
  void passed();
  /// When passed() is to be called at the latest; far future: there is no trouble.
  SteadyTime next_wake() const;
  /// Empty: there is no trouble.
  const std::string& sentence() const { return sentence_; }

private:
  const Database& database_;
  const Clock& clock_;
  Events& events_;
  std::string sentence_;
  int failures_ = 0;                     ///< in a row
  std::uint64_t commits_at_failure_ = 0; ///< at the last one
  SteadyTime failed_at_{};
};

} // namespace kdq
