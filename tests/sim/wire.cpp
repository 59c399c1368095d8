#include "tests/sim/wire.h"

#include <algorithm>
#include <stdexcept>

namespace kdq::sim {

void Wire::send(RequestId id, HttpRequest request) {
  if (vfs_.touch(Touch::send, false))
    throw Killed{};
  if (request.url.find("/oauth2/") != std::string::npos) { // about no job: it has no intent
    const RequestId known_as{++last_renewal_};
    renewals_[known_as] = id;
    under_way_.insert(known_as);
    kdocs_.send(known_as, std::move(request));
    if (vfs_.touch(Touch::send, true))
      throw Killed{};
    return;
  }
  Sent& sent = sent_.emplace_back();
  sent.id = id;
  sent.url = request.url;
  const RequestId known_as{sent_.size()};
  try {
    sent.intent = find_intent(request);
  } catch (const std::runtime_error& error) {
    violations_.emplace_back(error.what());
  }
  sent.start = request.method == HttpRequest::Method::post;
  on_send(request);
  if (sent.start) {
    if (on_start)
      on_start();
  } else {
    const std::string task = request.url.substr(request.url.find("task_id="));
    if (std::any_of(asked_.begin(), asked_.end(),
                    [&](const auto& other) { return other.second == task; }))
      violations_.push_back("request " + std::to_string(known_as.value) +
                            " asks about a task that another one is asking about");
    asked_.emplace(known_as, task);
  }
  under_way_.insert(known_as);
  kdocs_.send(known_as, std::move(request));
  if (vfs_.touch(Touch::send, true))
    throw Killed{};
}

std::vector<Reply> Wire::take_replies() {
  std::vector<Reply> replies = kdocs_.take_replies();
  for (Reply& reply : replies) {
    under_way_.erase(reply.request);
    if (const auto renewal = renewals_.extract(reply.request)) {
      unclear_.erase(reply.request);
      reply.request = renewal.mapped();
      continue;
    }
    asked_.erase(reply.request);
    if (unclear_.erase(reply.request) == 0)
      taken_.insert(reply.request);
    Sent& sent = sent_.at(reply.request.value - 1);
    sent.not_sent = std::holds_alternative<NotSent>(reply.delivery);
    on_reply(sent.url, sent.start, reply.delivery);
    reply.request = sent.id;
  }
  return replies;
}

bool Wire::said_stored(const IntentKey& intent) const {
  return std::any_of(stored_.begin(), stored_.end(),
                     [&](RequestId id) { return by_service_id(id).intent == intent; });
}

void Wire::cut() {
  asked_.clear();
  under_way_.clear();
  taken_.clear();
  unclear_.clear();
  renewals_.clear();
}

void Wire::restored(const Bookmark& then) {
  for (std::size_t i = then.sent; i < sent_.size(); ++i)
    sent_[i].undone = true;
  stored_ = then.stored;
  unclear_.merge(under_way_);
  under_way_.clear();
  taken_.clear();
  asked_.clear();
}

void Wire::note_all_stored() {
  stored_.merge(taken_);
}

} // namespace kdq::sim
