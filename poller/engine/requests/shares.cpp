#include "poller/engine/requests/shares.h"

#include <algorithm>

namespace kdq {

void Shares::keep_for(const std::string& app, std::size_t taken) {
  apps_[app] += taken;
  taken_ += taken;
}

void Shares::take(const std::string& app, std::size_t count) {
  taken_ += count;
  if (const auto found = apps_.find(app); found != apps_.end())
    found->second += count;
}

std::size_t Shares::room(const std::string& app) const {
  std::size_t used = taken_;
  for (const auto& [name, taken] : apps_)
    if (name != app)
      used += kept() - std::min(kept(), taken);
  return places_ - std::min(places_, used);
}

} // namespace kdq
