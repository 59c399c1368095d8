// Short words for reading one reply in a test.
#pragma once

#include "poller/api/kdocs_api.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace kdq::test {

using namespace kdq::kdocs_api;

/// A status body in shape B (bare) or A (in an envelope).
inline std::string body(const std::string& status, const std::string& data, bool envelope,
                        const std::string& error = "\"\"") {
  const std::string bare =
      R"({"error":)" + error + R"(,"status":")" + status + R"(","data":)" + data + "}";
  return envelope ? R"({"code":0,"data":)" + bare + "}" : bare;
}

inline StatusReport report(const std::string& text, int http_status = 200) {
  const StatusOutcome outcome = read_status(Answered{http_status, text, {}});
  REQUIRE(std::holds_alternative<StatusReport>(outcome));
  return std::get<StatusReport>(outcome);
}

inline Damaged damaged(const std::string& text, int http_status = 200) {
  const StatusOutcome outcome = read_status(Answered{http_status, text, {}});
  REQUIRE(std::holds_alternative<Damaged>(outcome));
  return std::get<Damaged>(outcome);
}

inline ServiceError poll_error(const std::string& text, int http_status = 200) {
  const StatusOutcome outcome = read_status(Answered{http_status, text, {}});
  REQUIRE(std::holds_alternative<ServiceError>(outcome));
  return std::get<ServiceError>(outcome);
}

inline ServiceError submit_error(const std::string& text, int http_status = 200) {
  const SubmitOutcome outcome = read_submit(Answered{http_status, text, {}});
  REQUIRE(std::holds_alternative<ServiceError>(outcome));
  return std::get<ServiceError>(outcome);
}

inline std::string accepted(const std::string& text, int http_status = 200) {
  const SubmitOutcome outcome = read_submit(Answered{http_status, text, {}});
  REQUIRE(std::holds_alternative<Accepted>(outcome));
  return std::get<Accepted>(outcome).task.value;
}

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// The line that a single entry is read as.
inline LogLine line_of(const std::string& entry) {
  const StatusReport read = report(body("running", R"({"logs":[)" + entry + "]}", false));
  REQUIRE(read.logs.size() == 1);
  return read.logs[0];
}

inline std::vector<std::string> messages(const std::vector<LogLine>& lines) {
  std::vector<std::string> result;
  for (const LogLine& line : lines)
    result.push_back(line.message);
  return result;
}

inline const std::string three_lines =
    R"({"args":["a"],"level":"info"},{"args":["b"],"level":"info"},)"
    R"({"args":["c"],"level":"info"})";

} // namespace kdq::test
