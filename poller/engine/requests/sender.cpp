#include "poller/engine/requests/sender.h"

#include "store/database.h"

namespace kdq {

void Sender::send_all() {
  if (outgoing_.empty())
    return;
  database_.durable();
  for (auto& [id, request] : outgoing_)
    transport_.send(id, std::move(request));
  outgoing_.clear();
}

} // namespace kdq
