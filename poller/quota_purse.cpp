#include "poller/quota_purse.h"

namespace kdq {

void QuotaPurse::want(const std::string& app) {
  const auto [part, first] = parts_.try_emplace(app);
  if (first)
    part->second.key = state_.apps.at(app).gate.quota_key(endpoint_, now_);
  ++part->second.wanted;
}

void QuotaPurse::fill() {
  for (auto& [app, part] : parts_)
    part.left =
        state_.ledger.take(part.key, state_.apps.at(app).gate.allowed(endpoint_), part.wanted);
}

bool QuotaPurse::pay(const std::string& app) {
  std::int64_t& left = parts_.at(app).left;
  if (left == 0)
    return false;
  --left;
  return true;
}

void QuotaPurse::empty() {
  for (auto& [app, part] : parts_)
    state_.ledger.give_back(part.key, part.left);
}

} // namespace kdq
