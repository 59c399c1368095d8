#include "tests/sim/wire.h"

#include <algorithm>

namespace kdq::sim {

void Wire::send(RequestId id, HttpRequest request) {
  if (vfs_.touch(Touch::send, false))
    throw Killed{};
  if (request.method == HttpRequest::Method::post) {
    if (on_start)
      on_start();
  } else {
    const std::string task = request.url.substr(request.url.find("task_id="));
    if (std::any_of(asked_.begin(), asked_.end(),
                    [&](const auto& other) { return other.second == task; }))
      violations_.push_back("request " + std::to_string(id.value) +
                            " asks about a task that another one is asking about");
    asked_.emplace(id, task);
  }
  ++sent_;
  under_way_.insert(id);
  kdocs_.send(id, std::move(request));
  if (vfs_.touch(Touch::send, true))
    throw Killed{};
}

std::vector<Reply> Wire::take_replies() {
  std::vector<Reply> replies = kdocs_.take_replies();
  for (const Reply& reply : replies) {
    asked_.erase(reply.request);
    under_way_.erase(reply.request);
    taken_.insert(reply.request);
  }
  return replies;
}

void Wire::cut() {
  asked_.clear();
  under_way_.clear();
  taken_.clear();
}

void Wire::note_stored(std::size_t without_stored_reply) {
  if (without_stored_reply == under_way_.size())
    stored_.merge(taken_);
}

} // namespace kdq::sim
