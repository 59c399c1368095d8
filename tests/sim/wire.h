// The daemon's way to the service, watched: what leaves, and that no task is asked twice at once.
#pragma once

#include "poller/transport.h"
#include "tests/sim/fault_vfs.h"
#include "tests/support/fake_kdocs.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace kdq::sim {

/// Thrown where the process would be no more.
struct Killed {};

class Wire : public Transport {
 public:
  Wire(FaultVfs& vfs, test::FakeKdocs& kdocs) : vfs_(vfs), kdocs_(kdocs) {}

  void send(RequestId id, HttpRequest request) override;
  void wait_until(SteadyTime wake) override { kdocs_.wait_until(wake); }
  std::vector<Reply> take_replies() override;

  /// The process that waited for replies is gone.
  void cut() { asked_.clear(); }

  std::size_t sent() const { return sent_; }
  const std::vector<std::string>& violations() const { return violations_; }
  /// Called before a start is sent.
  std::function<void()> on_start;

 private:
  FaultVfs& vfs_;
  test::FakeKdocs& kdocs_;
  std::map<RequestId, std::string> asked_; ///< URLs of status requests without a reply
  std::size_t sent_ = 0;
  std::vector<std::string> violations_;
};

} // namespace kdq::sim
