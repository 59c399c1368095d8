#include "poller/engine/in_flight.h"

#include <utility>

namespace kdq {

RequestId InFlightTable::add(InFlight request) {
  const RequestId id = next_number();
  request.id = id;
  ++counts_[request.paid_from.app][index(request.intent.endpoint)];
  requests_.emplace(id, Entry{std::move(request), false});
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
  const InFlight& request = found->second.request;
  --counts_[request.paid_from.app][index(request.intent.endpoint)];
  requests_.erase(found);
}

std::size_t InFlightTable::count(Endpoint endpoint, const std::string& app) const {
  const auto found = counts_.find(app);
  return found == counts_.end() ? 0 : found->second[index(endpoint)];
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
