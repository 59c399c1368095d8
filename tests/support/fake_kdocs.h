// A Transport with a model of the service behind it: destructive logs, quotas, faults, fake time.
#pragma once

#include "poller/transport.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_oauth.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace kdq::test {

/// The value of a query parameter, decoded once; empty: there is none.
std::string query_parameter(const std::string& url, const std::string& name);

/// What goes wrong with one request.
struct Fault {
  enum class Kind {
    none,
    not_sent,    ///< no connection: the service never sees it
    drop_before, ///< the service reads nothing, the connection dies
    drop_after,  ///< the service acts, its reply is lost
    truncate,    ///< the service acts, half of its reply arrives (or `number` per mille of it)
    garbage,     ///< the service acts, the reply is complete but no JSON
    http_status, ///< the service answers with `number`, without a body; acts only if told
    code,        ///< the service answers with API error `number`; acts only if told
    oversize     ///< the service acts, its reply is longer than the client takes
  };
  Kind kind = Kind::none;
  int number = 0;
  std::optional<std::chrono::seconds> retry_after = std::nullopt;
  std::chrono::milliseconds delay{0};       ///< before the service acts, on top of the latency
  std::chrono::milliseconds delay_after{0}; ///< between its acting and its reply
  bool act = false;                         ///< for http_status and code
  int code_status = 200;                    ///< the HTTP status that comes with `code`
};

/// One run of a script, as the service knows it.
struct FakeTask {
  std::string id; ///< already percent-encoded once, as the real ones are
  std::string file;
  std::string name; ///< script_name of its job
  std::string script;
  nlohmann::json argv; ///< custom_argv; null: none
  RequestId started_by;
  WallTime started;
  WallTime ends;
  std::string error;
  nlohmann::json result;
  struct Line {
    WallTime at; ///< when the script wrote it
    nlohmann::json entry;
    std::optional<WallTime> handed_out;
    RequestId handed_to; ///< the status request that took it
  };
  std::vector<Line> lines;
};

/// The spellings in which the service has been seen to answer.
struct FakeStyle {
  std::string task_id_key = "task_id";
  bool task_id_in_data = true;
  std::string running_word = "running";
  std::string ended_word = "finish";
  std::string no_logs = "array"; ///< what `logs` is without lines: array, null or missing
  bool unix_time_in_ms = false;
  /// Without it a used-up quota is HTTP 200 with a code; with it HTTP 429 with this Retry-After.
  std::optional<std::chrono::seconds> quota_retry_after;
};

/// Scripts are JSON: {"ms": run time, "lines": log lines, "error": "...", "result": ...}; any other
/// text runs for a second and writes two lines. Instead of a number of lines spread over the run
/// time, "log" may list them: [{"at": ms, "args": [...], "level": "info"}].
class FakeKdocs : public Transport {
public:
  explicit FakeKdocs(FakeClock& clock) : clock_(clock) {}

  // --- Transport -----------------------------------------------------------------------------
  void send(RequestId id, HttpRequest request) override;
  void wait_until(SteadyTime wake) override;
  std::vector<Reply> take_replies() override;

  // --- what a test sets ----------------------------------------------------------------------
  std::string token = "secret-token";
  /// With it only the tokens that it has given are accepted, and it renews them.
  std::optional<FakeOauth> oauth;
  /// Asked for each renewal, by its number from 0.
  std::function<Fault(std::size_t)> renewal_faults;
  bool shape_a = true;
  FakeStyle style;
  std::chrono::milliseconds latency{40};
  /// What the client's transport allows: the time of an exchange, the size of a reply.
  std::chrono::milliseconds time_limit{60'000};
  std::size_t max_reply_bytes = 16 * 1024 * 1024;
  /// How long an ended task is known; none: for ever.
  std::optional<std::chrono::milliseconds> task_ttl;
  std::int64_t submit_quota = 1'000'000; ///< per day of 24 h in UTC+8
  std::int64_t status_quota = 1'000'000;
  /// Asked for each request; `endpoint` and its number from 0.
  std::function<Fault(Endpoint, std::size_t)> faults;
  /// Requests that the service takes and does not answer before the client gives up.
  std::function<bool(Endpoint, const std::string& url)> hangs;
  /// Called with the body of each reply; may put another in its place.
  std::function<void(Endpoint, std::string&)> edit;
  /// Another client of the same app sends requests.
  void spend_elsewhere(Endpoint endpoint, std::int64_t requests,
                       const std::string& base_url = "https://kdocs.test");
  /// Called between events at most once for each move of the clock; may act as the user.
  std::function<void()> on_time;

  // --- what a test reads ---------------------------------------------------------------------
  const std::vector<FakeTask>& tasks() const { return tasks_; }
  FakeTask* task_of(const std::string& name);
  std::size_t received(Endpoint endpoint) const; ///< requests of which bytes left the client
  /// The same for one app: the apps are told apart by their base address, e.g. "https://a.test".
  std::size_t received(Endpoint endpoint, const std::string& base_url) const;
  /// The ids of these requests, in order.
  const std::vector<RequestId>& arrivals() const { return arrivals_; }
  std::size_t refused_by_quota() const { return refused_by_quota_; }
  /// Requests of an app that the service has counted today, other clients' included.
  std::int64_t counted_today(Endpoint endpoint,
                             const std::string& base_url = "https://kdocs.test") const;
  /// The same of the day that had most.
  std::int64_t most_counted_in_a_day(Endpoint endpoint, const std::string& base_url) const;
  /// Task ids that were not encoded exactly once, as received.
  std::size_t wrong_encodings() const { return wrong_encodings_; }
  std::size_t paths_not_found() const { return paths_not_found_; }
  std::size_t most_on_one_file() const { return most_on_one_file_; }
  /// The client died: replies go nowhere; the service acts on what is on its way, at once or, if
  /// `at_once` is false, when it gets there.
  void client_died(bool at_once = true);

private:
  struct Pending {
    RequestId id;
    HttpRequest request;
    Fault fault;
    SteadyTime acts_at;
    SteadyTime arrives_at;
    SteadyTime gives_up_at; ///< when the client stops waiting; the service may act later
    bool acted = false;
    bool given_up = false; ///< it has its reply, or stopped waiting for it, or died
    Delivery delivery;
  };
  void act(Pending& pending);
  Delivery spoilt(const Fault& fault, Answered reply) const;
  Fault fault_of(const HttpRequest& request);
  Answered serve(RequestId id, const HttpRequest& request);
  Answered run_script(RequestId id, const HttpRequest& request);
  Answered task_status(RequestId id, const HttpRequest& request);
  bool spend(Endpoint endpoint, const std::string& app);
  std::int64_t today() const;
  std::optional<SteadyTime> next_event() const;
  void play_until_now();

  FakeClock& clock_;
  std::vector<FakeTask> tasks_;
  std::deque<Pending> pending_;
  std::vector<Reply> arrived_;
  std::map<Endpoint, std::size_t> sent_;
  std::size_t renewals_sent_ = 0;
  std::map<std::pair<Endpoint, std::string>, std::size_t> received_; ///< by base address
  std::vector<RequestId> arrivals_;
  std::map<std::tuple<Endpoint, std::string, std::int64_t>, std::int64_t> spent_;
  std::size_t refused_by_quota_ = 0;
  std::size_t wrong_encodings_ = 0;
  std::size_t paths_not_found_ = 0;
  std::size_t most_on_one_file_ = 0;
};

} // namespace kdq::test
