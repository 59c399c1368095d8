// A Transport with a model of the service behind it: destructive logs, quotas, faults, fake time.
#pragma once

#include "poller/transport.h"
#include "tests/support/fake_clock.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace kdq::test {

/// What goes wrong with one request.
struct Fault {
  enum class Kind {
    none,
    not_sent,    ///< no connection: the service never sees it
    drop_before, ///< the service reads nothing, the connection dies
    drop_after,  ///< the service acts, its reply is lost
    truncate,    ///< the service acts, half of its reply arrives
    garbage,     ///< the service acts, the reply is complete but no JSON
    http_status, ///< the service does not act and answers with `number`, without a body
    code         ///< the service does not act and answers with API error `number`
  };
  Kind kind = Kind::none;
  int number = 0;
  std::optional<std::chrono::seconds> retry_after;
  std::chrono::milliseconds delay{0}; ///< on top of the latency
};

/// One run of a script, as the service knows it.
struct FakeTask {
  std::string id;      ///< already percent-encoded once, as the real ones are
  std::string file;
  std::string name;    ///< script_name of its job
  WallTime started;
  WallTime ends;
  std::string error;
  nlohmann::json result;
  struct Line {
    WallTime at;       ///< when the script wrote it
    nlohmann::json entry;
    std::optional<WallTime> handed_out;
  };
  std::vector<Line> lines;
};

/// Scripts are JSON: {"ms": run time, "lines": log lines, "error": "...", "result": ...}; any other
/// text runs for a second and writes two lines.
class FakeKdocs : public Transport {
public:
  explicit FakeKdocs(FakeClock& clock) : clock_(clock) {}

  // --- Transport -----------------------------------------------------------------------------
  void send(RequestId id, HttpRequest request) override;
  void wait_until(SteadyTime wake) override;
  std::vector<Reply> take_replies() override;

  // --- what a test sets ----------------------------------------------------------------------
  std::string token = "secret-token";
  bool shape_a = true;
  std::chrono::milliseconds latency{40};
  std::int64_t submit_quota = 1'000'000; ///< per day of 24 h in UTC+8
  std::int64_t status_quota = 1'000'000;
  /// Asked for each request; `endpoint` and its number from 0.
  std::function<Fault(Endpoint, std::size_t)> faults;
  /// Called between events at most once for each move of the clock; may act as the user.
  std::function<void()> on_time;

  // --- what a test reads ---------------------------------------------------------------------
  const std::vector<FakeTask>& tasks() const { return tasks_; }
  FakeTask* task_of(const std::string& name);
  std::size_t received(Endpoint endpoint) const;   ///< requests of which bytes left the client
  std::size_t refused_by_quota() const { return refused_by_quota_; }
  std::size_t most_on_one_file() const { return most_on_one_file_; }
  /// The client died: what is on its way is acted on by the service, replies go nowhere.
  void client_died();

private:
  struct Pending {
    RequestId id;
    HttpRequest request;
    Fault fault;
    SteadyTime acts_at;
    SteadyTime arrives_at;
    bool acted = false;
    Delivery delivery;
  };
  void act(Pending& pending);
  Answered serve(const HttpRequest& request);
  Answered run_script(const HttpRequest& request);
  Answered task_status(const HttpRequest& request);
  bool spend(Endpoint endpoint);
  std::optional<SteadyTime> next_event() const;
  void play_until_now();

  FakeClock& clock_;
  std::vector<FakeTask> tasks_;
  std::deque<Pending> pending_;
  std::vector<Reply> arrived_;
  std::map<Endpoint, std::size_t> sent_;
  std::map<Endpoint, std::size_t> received_;
  std::map<std::pair<Endpoint, std::int64_t>, std::int64_t> spent_;
  std::size_t refused_by_quota_ = 0;
  std::size_t most_on_one_file_ = 0;
};

} // namespace kdq::test
