// The daemon's way to the service, watched: what leaves, and that no task is asked twice at once.
#pragma once

#include "poller/transport.h"
#include "tests/sim/fault_vfs.h"
#include "tests/support/fake_kdocs.h"

#include <functional>
#include <map>
#include <set>
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
  void cut();
  /// The daemon says how many requests have no stored reply: if that is what is under way, it has
  /// stored all that it took.
  void note_stored(std::size_t without_stored_reply);
  /// Whether the daemon said that the reply is stored.
  bool said_stored(RequestId id) const { return stored_.contains(id); }

  std::size_t sent() const { return sent_; }
  const std::vector<std::string>& violations() const { return violations_; }
  /// Called before a start is sent.
  std::function<void()> on_start;

private:
  FaultVfs& vfs_;
  test::FakeKdocs& kdocs_;
  std::map<RequestId, std::string> asked_; ///< URLs of status requests without a reply
  std::set<RequestId> under_way_;
  std::set<RequestId> taken_; ///< by the daemon, and not yet said to be stored
  std::set<RequestId> stored_;
  std::size_t sent_ = 0;
  std::vector<std::string> violations_;
};

} // namespace kdq::sim
