#include "poller/engine/requests/sender.h"

#include "store/database.h"
#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>

using namespace kdq;

namespace {

struct Wire : Transport {
  std::vector<std::string> sent;
  void send(RequestId id, HttpRequest request) override {
    sent.push_back(std::to_string(id.value) + ' ' + request.url);
  }
  void wait_until(SteadyTime) override {}
  std::vector<Reply> take_replies() override { return {}; }
};

HttpRequest get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

} // namespace

TEST_CASE("what was added is sent once, in order, and nothing before it is asked for") {
  const test::TempDir dir;
  Database database(dir / "queue.db");
  Wire wire;
  Sender sender(database, wire);
  sender.send_all();
  sender.add(RequestId{7}, get("a"));
  sender.add(RequestId{8}, get("b"));
  CHECK(wire.sent.empty());
  sender.send_all();
  sender.send_all();
  CHECK(wire.sent == std::vector<std::string>{"7 a", "8 b"});
}
