// Sends what was begun, once it is on disk.
#pragma once

#include "poller/transport.h"

#include <utility>
#include <vector>

namespace kdq {

class Database;

class Sender {
public:
  Sender(Database& database, Transport& transport) : database_(database), transport_(transport) {}

  /// The request's intent is committed.
  void add(RequestId id, HttpRequest request) { outgoing_.emplace_back(id, std::move(request)); }
  /// Makes the intents durable before a byte leaves.
  void send_all();

private:
  Database& database_;
  Transport& transport_;
  std::vector<std::pair<RequestId, HttpRequest>> outgoing_;
};

} // namespace kdq
