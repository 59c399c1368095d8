// What one transaction spends of the apps' quotas: taken from the ledger at once, the rest goes
// back.
#pragma once

#include "poller/engine/engine_state.h"

#include <cstdint>
#include <map>
#include <string>

namespace kdq {

/// Lives inside of one Database::write(); for one endpoint and moment.
class QuotaGrant {
public:
  QuotaGrant(EngineState& state, Endpoint endpoint, WallTime now)
      : state_(state), endpoint_(endpoint), now_(now) {}

  /// One more request of a configured app is to be paid.
  void want(const std::string& app);
  /// Takes what is wanted from the ledger, as far as the day's quotas go.
  void fill();
  /// Pays one request; false: the day's quota is spent.
  bool pay(const std::string& app);
  /// The last request that was paid is not made.
  void unpay(const std::string& app) { ++parts_.at(app).left; }
  /// From which budget an app pays.
  const QuotaKey& key(const std::string& app) const { return parts_.at(app).key; }
  /// What was not paid goes back to the ledger.
  void empty();

private:
  struct Part {
    QuotaKey key;
    std::int64_t wanted = 0;
    std::int64_t left = 0;
  };
  EngineState& state_;
  Endpoint endpoint_;
  WallTime now_;
  std::map<std::string, Part> parts_; ///< by app
};

} // namespace kdq
