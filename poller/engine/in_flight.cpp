#include "poller/engine/in_flight.h"

#include <algorithm>
#include <utility>

namespace kdq {

RequestId InFlightTable::add(InFlight request) {
  const RequestId id = next_number();
  request.id = id;
  ++counts_[request.paid_from.app][index(request.intent.endpoint)];
  requests_.emplace(id, Entry{std::move(request)});
  return id;
}

std::optional<InFlight> InFlightTable::answered(RequestId id) {
  const auto found = requests_.find(id);
  if (found == requests_.end() || found->second.answered)
    return std::nullopt;
  found->second.answered = true;
  return found->second.request;
}

void InFlightTable::remove(RequestId id) {
  const auto found = requests_.find(id);
  if (found == requests_.end())
    return;
  set_aside(id);
  requests_.erase(found);
}

void InFlightTable::set_aside(RequestId id) {
  const auto found = requests_.find(id);
  if (found == requests_.end() || std::exchange(found->second.aside, true))
    return;
  const InFlight& request = found->second.request;
  --counts_[request.paid_from.app][index(request.intent.endpoint)];
}

std::size_t InFlightTable::size() const {
  return static_cast<std::size_t>(std::count_if(
      requests_.begin(), requests_.end(), [](const auto& entry) { return !entry.second.aside; }));
}

std::size_t InFlightTable::count(Endpoint endpoint, const std::string& app) const {
  const auto found = counts_.find(app);
  return found == counts_.end() ? 0 : found->second[index(endpoint)];
}

std::int64_t InFlightTable::paid_on_other_days(const QuotaKey& today) const {
  return std::count_if(requests_.begin(), requests_.end(), [&](const auto& entry) {
    const QuotaKey& paid_from = entry.second.request.paid_from;
    return paid_from.endpoint == today.endpoint && paid_from.day != today.day &&
           paid_from.app == today.app;
  });
}

void InFlightTable::abandon(RequestId id) {
  const auto found = requests_.find(id);
  if (found != requests_.end() && !found->second.answered)
    abandoned_.insert(id);
  remove(id);
}

std::vector<InFlight> InFlightTable::all() const {
  std::vector<InFlight> requests;
  for (const auto& [id, entry] : requests_)
    requests.push_back(entry.request);
  return requests;
}

} // namespace kdq
