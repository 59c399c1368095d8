// What one transaction spends of the apps' quotas: taken from the ledger at once, the rest goes
// back.
#pragma once

#include "store/quota_ledger.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace kdq {

class InFlightTable;

/// Lives inside of one Database::write(); for one endpoint and moment. What is on its way since
/// yesterday may be counted today by the service: so much of an app's budget stays unspent until
/// its reply is stored.
class QuotaGrant {
public:
  QuotaGrant(QuotaLedger& ledger, const InFlightTable& in_flight)
      : ledger_(ledger), in_flight_(in_flight) {}

  /// One more request is to be paid from an app's budget, or counted in a class's, of which
  /// `allowed` are granted a day.
  void want(const QuotaKey& key, std::int64_t allowed);
  /// Takes what is wanted from the ledger, as far as the day's quotas go.
  void fill();
  /// Pays one request; false: the day's quota is spent.
  bool pay(const std::string& app, const std::string& job_class = {});
  /// The last request that was paid is not made.
  void unpay(const std::string& app, const std::string& job_class = {}) {
    ++parts_.at({app, job_class}).left;
  }
  /// From which budget an app pays.
  const QuotaKey& key(const std::string& app) const { return parts_.at({app, {}}).key; }
  /// What was not paid goes back to the ledger.
  void give_rest_back();

private:
  struct Part {
    QuotaKey key;
    std::int64_t allowed = 0;
    std::int64_t wanted = 0;
    std::int64_t kept = 0; ///< for what is on its way since yesterday
    std::int64_t left = 0;
  };
  QuotaLedger& ledger_;
  const InFlightTable& in_flight_;
  std::map<std::pair<std::string, std::string>, Part> parts_; ///< by app and class
};

} // namespace kdq
