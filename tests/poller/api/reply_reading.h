// Short words for reading one reply in a test.
#pragma once

#include "poller/api/kdocs_api.h"
#include "tests/support/text.h"

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

/// A reply with all of its lines.
template <class Outcome>
struct WithLines : Outcome {
  std::vector<LogLine> lines;
  std::size_t unread_lines = 0;
};

template <class Outcome>
WithLines<Outcome> with_lines(const Outcome& outcome, const std::string& text) {
  LogEntries entries = outcome.logs;
  LogPiece piece = read_lines(text, entries);
  REQUIRE(entries.empty());
  return {outcome, std::move(piece.lines), piece.unread};
}

template <class Outcome>
WithLines<Outcome> read_as(const std::string& text, int http_status) {
  const StatusOutcome outcome = read_status(Answered{http_status, text, {}});
  REQUIRE(std::holds_alternative<Outcome>(outcome));
  return with_lines(std::get<Outcome>(outcome), text);
}

inline WithLines<StatusReport> report(const std::string& text, int http_status = 200) {
  return read_as<StatusReport>(text, http_status);
}

inline WithLines<Damaged> damaged(const std::string& text, int http_status = 200) {
  return read_as<Damaged>(text, http_status);
}

inline std::vector<LogLine> salvaged(const std::string& text) {
  return with_lines(salvage(text, 200), text).lines;
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

/// The line that a single entry is read as.
inline LogLine line_of(const std::string& entry) {
  const auto read = report(body("running", R"({"logs":[)" + entry + "]}", false));
  REQUIRE(read.lines.size() == 1);
  return read.lines[0];
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
