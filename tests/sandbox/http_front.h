// The API's paths on the service: encoding, reply shapes and faults.
#pragma once

#include "tests/sandbox/faults.h"
#include "tests/sandbox/loopback_server.h"
#include "tests/sandbox/oauth.h"
#include "tests/sandbox/service.h"
#include "tests/sandbox/stop_event.h"

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>

namespace kdq::sandbox {

/// The spellings that have been seen; a client has to read all of them.
struct ReplyStyle {
  bool wrapped_status = true; ///< shape A, {"code":0,"data":{…}}; else shape B, the bare report
  std::string task_id_key = "task_id";  ///< or "taskId"
  bool task_id_in_data = true;          ///< else at the root
  std::string running_word = "running"; ///< any word: clients must survive one that is not known
  std::string ended_word = "finish";    ///< or "finished"
  std::string no_logs = "array";        ///< what "logs" is without lines: array, null or missing
  /// Without it a used-up quota is HTTP 200 with a code; with it HTTP 429 with this Retry-After.
  std::optional<std::chrono::seconds> quota_retry_after;
};

/// Adds routes to a server. What it refers to must outlive the server.
class HttpFront {
public:
  HttpFront(ReplyStyle style, Service& service, Oauth& oauth, Ledger& ledger, FaultPlan& faults,
            bool verbose);
  void add_routes(LoopbackServer& server);
  /// Ends injected delays.
  void stop() { stop_.set(); }

private:
  /// An answer of the API, before any fault.
  struct ApiReply {
    int http_status = 200;
    nlohmann::json body;
    std::optional<std::int64_t> retry_after_seconds;
  };
  using Act = std::function<ApiReply(RequestNumber)>;

  void add_oauth_routes(LoopbackServer& server);
  void serve(Endpoint endpoint, const httplib::Request& request, httplib::Response& response,
             const Act& act);
  ApiReply run_script(RequestNumber number, const httplib::Request& request);
  ApiReply script_status(RequestNumber number, const httplib::Request& request);
  void consent(const httplib::Request& request, httplib::Response& response) const;
  void refresh(const httplib::Request& request, httplib::Response& response);
  /// The reply of an exchange or a refresh.
  ApiReply tokens(RequestNumber number, std::variant<nlohmann::json, ApiError> outcome);
  std::optional<ApiReply> refusal(RequestNumber number, Endpoint endpoint,
                                  const httplib::Request& request);
  ApiReply refuse(RequestNumber number, const ApiError& error);
  void say(const httplib::Request& request, const std::string& what) const;

  const ReplyStyle style_;
  Service& service_;
  Oauth& oauth_;
  Ledger& ledger_;
  FaultPlan& faults_;
  const bool verbose_;
  StopEvent stop_;
};

} // namespace kdq::sandbox
