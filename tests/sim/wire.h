// The daemon's way to the service, watched: what leaves, and that no task is asked twice at once.
#pragma once

#include "poller/transport.h"
#include "tests/sim/fault_vfs.h"
#include "tests/support/fake_kdocs.h"

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace kdq::sim {

/// Thrown where the process would be no more.
struct Killed {};

/// A request by its intent in the database: what is sent is known by it, whichever process sent it.
struct IntentKey {
  std::int64_t job = 0;
  std::int64_t attempt = 0;
  std::string endpoint;
  std::string sent_at; ///< as in in_flight
  auto operator<=>(const IntentKey&) const = default;
};

class Wire : public Transport {
public:
  Wire(FaultVfs& vfs, test::FakeKdocs& kdocs) : vfs_(vfs), kdocs_(kdocs) {}

  void send(RequestId id, HttpRequest request) override;
  void wait_until(SteadyTime wake) override { kdocs_.wait_until(wake); }
  std::vector<Reply> take_replies() override;

  /// The process that waited for replies is gone.
  void cut();
  /// The daemon says that it has stored all that it took.
  void note_all_stored();
  /// Whether the daemon said that the reply is stored.
  bool said_stored(const IntentKey& intent) const;

  struct Sent {
    RequestId id; ///< as the process counted it
    std::string url;
    bool start = false;
    std::optional<IntentKey> intent; ///< none: the database could not be looked into
    bool not_sent = false;           ///< no byte of it left
    bool undone = false;             ///< a restored file knows nothing of it
  };

  /// What is known at a moment, for the time after a restore of what the tables were then.
  struct Bookmark {
    std::size_t sent = 0;
    std::set<RequestId> stored;
  };
  Bookmark bookmark() const { return {sent_.size(), stored_}; }
  /// The tables are what they were then. Of what is under way nobody knows whether it is given up.
  void restored(const Bookmark& then);

  /// All requests, whichever process sent them.
  const std::vector<Sent>& sent() const { return sent_; }
  /// The request that the service knows by this id.
  const Sent& by_service_id(RequestId id) const { return sent_.at(id.value - 1); }
  const std::vector<std::string>& violations() const { return violations_; }
  /// Called before a start is sent.
  std::function<void()> on_start;
  /// Called before any request is sent, and for each reply that the daemon takes.
  std::function<void(const HttpRequest&)> on_send;
  std::function<void(const std::string& url, bool start, const Delivery&)> on_reply;
  /// Finds the intent of a request that is about to be sent; throws if there is none.
  std::function<std::optional<IntentKey>(const HttpRequest&)> find_intent;

private:
  FaultVfs& vfs_;
  test::FakeKdocs& kdocs_;
  // The service gets ids of our own, which no two processes share: places in sent_, from 1.
  std::map<RequestId, std::string> asked_; ///< URLs of status requests without a reply
  std::set<RequestId> under_way_;
  std::set<RequestId> taken_; ///< by the daemon, and not yet said to be stored
  std::set<RequestId> stored_;
  std::set<RequestId> unclear_;             ///< were under way at a restore
  std::map<RequestId, RequestId> renewals_; ///< of tokens, as the process counted them
  std::uint64_t last_renewal_ = std::uint64_t{1} << 62;
  std::vector<Sent> sent_;
  std::vector<std::string> violations_;
};

} // namespace kdq::sim
