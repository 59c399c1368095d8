#include "poller/quota/quota_grant.h"

namespace kdq {

void QuotaGrant::want(const std::string& app) {
  const auto [part, first] = parts_.try_emplace(app);
  if (first)
    part->second.key = state_.apps.at(app).breaker.quota_key(endpoint_, now_);
  ++part->second.wanted;
}

void QuotaGrant::fill() {
  for (auto& [app, part] : parts_)
    part.left =
        state_.ledger.take(part.key, state_.apps.at(app).breaker.allowed(endpoint_), part.wanted);
}

bool QuotaGrant::pay(const std::string& app) {
  std::int64_t& left = parts_.at(app).left;
  if (left == 0)
    return false;
  --left;
  return true;
}

void QuotaGrant::empty() {
  for (auto& [app, part] : parts_)
    state_.ledger.give_back(part.key, part.left);
}

} // namespace kdq
