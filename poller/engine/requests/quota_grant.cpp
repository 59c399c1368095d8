#include "poller/engine/requests/quota_grant.h"

#include "poller/engine/in_flight.h"

#include <algorithm>

namespace kdq {

void QuotaGrant::want(const QuotaKey& key, std::int64_t allowed) {
  Part& part =
      parts_.try_emplace({key.app, key.job_class}, Part{key, allowed, 0, 0, 0}).first->second;
  ++part.wanted;
}

void QuotaGrant::fill() {
  for (auto& [name, part] : parts_) {
    const std::int64_t kept =
        part.key.job_class.empty() ? in_flight_.paid_on_other_days(part.key) : 0;
    const std::int64_t taken = ledger_.take(part.key, part.allowed, part.wanted + kept);
    part.kept = std::min(kept, taken);
    part.left = taken - part.kept;
  }
}

bool QuotaGrant::pay(const std::string& app, const std::string& job_class) {
  std::int64_t& left = parts_.at({app, job_class}).left;
  if (left == 0)
    return false;
  --left;
  return true;
}

void QuotaGrant::give_rest_back() {
  for (auto& [name, part] : parts_)
    ledger_.give_back(part.key, part.kept + part.left);
}

} // namespace kdq
