// What one transaction spends of the apps' quotas: taken from the ledger at once, the rest goes
// back.
#pragma once

#include "store/quota_ledger.h"

#include <cstdint>
#include <map>
#include <string>

namespace kdq {

/// Lives inside of one Database::write(); for one endpoint and moment.
class QuotaGrant {
public:
  explicit QuotaGrant(QuotaLedger& ledger) : ledger_(ledger) {}

  /// One more request is to be paid from an app's budget, of which `allowed` are granted a day.
  void want(const QuotaKey& key, std::int64_t allowed);
  /// Takes what is wanted from the ledger, as far as the day's quotas go.
  void fill();
  /// Pays one request; false: the day's quota is spent.
  bool pay(const std::string& app);
  /// The last request that was paid is not made.
  void unpay(const std::string& app) { ++parts_.at(app).left; }
  /// From which budget an app pays.
  const QuotaKey& key(const std::string& app) const { return parts_.at(app).key; }
  /// What was not paid goes back to the ledger.
  void give_rest_back();

private:
  struct Part {
    QuotaKey key;
    std::int64_t allowed = 0;
    std::int64_t wanted = 0;
    std::int64_t left = 0;
  };
  QuotaLedger& ledger_;
  std::map<std::string, Part> parts_; ///< by app
};

} // namespace kdq
