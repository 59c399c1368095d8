// The service behind a transport, as the conformance tests see it: two implementations, one set of
// behaviours.
#pragma once

#include "poller/api/kdocs_api.h"
#include "poller/engine/replies/reply_outcome.h"
#include "poller/transport.h"

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace kdq::test {

/// How the service spells and what it allows; each is a choice that sections 1 to 3 of
/// poller/api/README.md leave open.
struct ServiceSetup {
  std::string task_id_key = "task_id";
  bool task_id_in_data = true;
  bool wrapped = true; ///< shape A of a status reply, else B
  std::string running_word = "running";
  std::string ended_word = "finish";
  std::string no_logs = "array"; ///< without lines: array, null or missing
  bool unix_time_in_ms = false;
  std::optional<std::chrono::seconds> quota_retry_after; ///< none: HTTP 200 with a code
  std::int64_t submit_quota = 1000;
  std::int64_t status_quota = 1000;
  std::optional<std::chrono::seconds> task_ttl; ///< how long an ended task is known
  std::chrono::milliseconds time_limit{60'000}; ///< of the transport, for one exchange
};

/// What a script does, in no implementation's language.
struct Script {
  struct Line {
    nlohmann::json args; ///< an array
    std::string level = "info";
  };
  std::vector<Line> lines; ///< written at once
  std::chrono::milliseconds then_waits{0};
  std::vector<Line> last_lines;         ///< written after the wait
  std::string error;                    ///< what it throws at its end; empty: it succeeds
  std::optional<nlohmann::json> result; ///< value of its last expression; none: it has none
};
Script writing(std::size_t lines);
/// Runs beyond the end of any test.
Script endless(std::size_t lines);

/// A fault of one request, the next one of `endpoint`.
struct Strike {
  enum class Kind {
    delay,
    delay_after,
    drop_before,
    drop_after,
    close_after_next, ///< strikes the request after it, on the same kept-alive connection
    truncate,
    garbage,
    status,
    code,
    oversize
  };
  Kind kind = Kind::drop_after;
  Endpoint endpoint = Endpoint::status;
  std::chrono::milliseconds delay{0};
  int http_status = 200;
  std::int64_t code = 0;
  std::optional<std::chrono::seconds> retry_after = std::nullopt;
  bool act = false; ///< status and code: whether the request has its effect all the same
};

/// What the service says of itself, beside the API.
struct Seen {
  struct Order {
    std::string file;
    std::string name;
    std::string script;
    nlohmann::json argv;
    bool operator==(const Order&) const = default;
  };
  std::size_t submits = 0; ///< requests received, faulted ones too
  std::size_t asks = 0;
  std::vector<Order> started; ///< scripts that ran
  std::size_t ended = 0;
  std::size_t produced = 0;   ///< log lines
  std::size_t handed_out = 0; ///< log lines that left the service or were lost on the way
  std::size_t wrong_encodings = 0;
  std::size_t paths_not_found = 0;
};

class ServiceUnderTest {
public:
  virtual ~ServiceUnderTest() = default;

  virtual Transport& transport() = 0;
  virtual const Clock& clock() const = 0;
  virtual AppSettings app() const = 0;
  virtual std::string script_text(const Script& script) const = 0;
  virtual void strike(const Strike& strike) = 0;
  /// From now on nobody listens at the service's address.
  virtual void vanish() = 0;
  virtual Seen seen() = 0;
  /// Lets time pass until `done`; fails the test if that does not come.
  virtual void let_pass_until(const std::function<bool()>& done) = 0;

  // --- what every test does --------------------------------------------------------------------
  /// What arrives for this many requests that are under way.
  std::vector<Reply> replies(std::size_t count);
  Delivery exchange(HttpRequest request);
  HttpRequest start_request(const Script& script, const std::string& name = "test",
                            const std::string& argv = "", const std::string& file = "FILE") const;
  HttpRequest ask_request(const TaskId& task) const;
  /// One request, its reply, and what the engine makes of it.
  ReplyOutcome start(const Script& script, const std::string& name = "test",
                     const std::string& argv = "", const std::string& file = "FILE");
  ReplyOutcome ask(const TaskId& task);
  /// Starts the script; fails the test if that is not possible.
  TaskId started(const Script& script, const std::string& name = "test");
  /// The same, and lets time pass until it has ended.
  TaskId ended(const Script& script, const std::string& name = "test");
  ReplyOutcome judged(Endpoint endpoint, Delivery delivery) const;

  std::string token = "sandbox-token"; ///< the one that is sent; at first the right one

private:
  std::uint64_t last_request_ = 0;
};

/// `started`, `put back`, `failed`, `unconfirmed`, `report`, `end`, or `no report`.
std::string word(const ReplyOutcome& judgement);
/// `not sent`, `unanswered` or `answered`.
std::string word(const Delivery& delivery);
/// The report in it; fails the test if there is none.
const kdocs_api::StatusReport& report_in(const ReplyOutcome& judgement);
std::vector<std::string> messages(const std::vector<LogLine>& lines);

} // namespace kdq::test
