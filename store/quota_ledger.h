// Requests spent per app, endpoint and quota day, and starts of each class of jobs, counted in the
// transaction of the intent.
#pragma once

#include "store/quota_key.h"

#include <cstdint>
#include <memory>
#include <string>

namespace kdq {

class Database;

/// Single-threaded; must not outlive the Database.
class QuotaLedger {
public:
  explicit QuotaLedger(Database& database);
  ~QuotaLedger();

  /// Spends up to `wanted` requests of `allowed`; returns how many: what is left at most. Inside of
  /// Database::write().
  std::int64_t take(const QuotaKey& key, std::int64_t allowed, std::int64_t wanted);
  /// Gives some back that were never sent. Inside of Database::write().
  void give_back(const QuotaKey& key, std::int64_t requests);
  /// The service refused although requests were left: others use the app. Counts the rest of
  /// `allowed` as theirs. Inside of Database::write().
  void spent_by_others(const QuotaKey& key, std::int64_t allowed);
  /// In a restored file: counts as spent what is known to be spent from the start on. Returns
  /// whether any of it was lacking. Inside of Database::write().
  bool keep_spent();
  /// Requests spent so far. Inside of Database::read().
  std::int64_t used(const QuotaKey& key);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
