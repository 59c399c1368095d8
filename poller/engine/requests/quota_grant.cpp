#include "poller/engine/requests/quota_grant.h"

namespace kdq {

void QuotaGrant::want(const QuotaKey& key, std::int64_t allowed) {
  Part& part = parts_.try_emplace(key.app, Part{key, allowed, 0, 0}).first->second;
  ++part.wanted;
}

void QuotaGrant::fill() {
  for (auto& [app, part] : parts_)
    part.left = ledger_.take(part.key, part.allowed, part.wanted);
}

bool QuotaGrant::pay(const std::string& app) {
  std::int64_t& left = parts_.at(app).left;
  if (left == 0)
    return false;
  --left;
  return true;
}

void QuotaGrant::give_rest_back() {
  for (auto& [app, part] : parts_)
    if (part.left > 0)
      ledger_.give_back(part.key, part.left);
}

} // namespace kdq
