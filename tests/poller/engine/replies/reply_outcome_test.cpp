// The reader's meanings are tested against the service (tests/conformance) and with what follows
// from them (decide_test); here is what the spill file keeps.
#include "poller/engine/replies/reply_outcome.h"

#include "store/spill_file.h"

#include <doctest/doctest.h>

using namespace kdq;

namespace {

InFlight request_to(Endpoint endpoint) {
  InFlight request;
  request.intent = {JobId{3}, 2, endpoint, *parse_time("2126-03-02 09:00:00.250"), 7};
  request.token = "a-secret-token";
  request.task = TaskId{"task%2Fid-of-some-length"};
  return request;
}

} // namespace

TEST_CASE("a reply means the same after it was in the spill file") {
  const Delivery deliveries[] = {
      NotSent{"no route"},
      Unanswered{"it broke off", 0, ""},
      Unanswered{"it broke off", 200, R"({"code":0,"da)"},
      Answered{200, R"({"code":0,"data":{"task_id":"T"}})", {}},
      Answered{200, R"({"error":"","status":"finish","data":{"logs":[],"result":"1"}})", {}},
      Answered{502, "", {}},
      Answered{200, R"({"code":10001})", {}},
  };
  for (const Endpoint endpoint : {Endpoint::submit, Endpoint::status})
    for (const Delivery& delivery : deliveries) {
      const ReplyOutcome before = judge(request_to(endpoint), delivery);
      SpilledReply spilled = to_spill(before.end);
      CHECK(spilled.intent.job == JobId{3});
      CHECK(spilled.intent.attempt == 2);
      CHECK(spilled.intent.rev == 7);
      CHECK(spilled.intent.sent_at == before.end.request.intent.sent_at);
      const ReplyOutcome after = judge(request_to(endpoint), from_spill(std::move(spilled)));
      CHECK(after.meaning.index() == before.meaning.index());
      CHECK(after.end.outcome == before.end.outcome);
      CHECK(after.end.http_status == before.end.http_status);
      CHECK(after.end.sent() == before.end.sent());
      CHECK(after.lines.size() == before.lines.size());
      CHECK(after.gap.empty() == before.gap.empty());
    }
}

TEST_CASE("no text of a reply shows the token or the task id that the service echoed") {
  const std::string echo = "bad a-secret-token and task%2Fid-of-some-length";
  for (const Endpoint endpoint : {Endpoint::submit, Endpoint::status}) {
    const ReplyOutcome outcome =
        judge(request_to(endpoint), Answered{200, R"({"code":30006,"msg":")" + echo + "\"}", {}});
    REQUIRE(outcome.refusal);
    CHECK(outcome.refusal->sentence.find("a-secret-token") == std::string::npos);
    CHECK(outcome.refusal->sentence.find("task%2Fid") == std::string::npos);
    CHECK(outcome.end.body.find("a-secret-token") == std::string::npos);
  }
}

TEST_CASE("nothing that a report brings shows the token or the task id, in whatever spelling") {
  InFlight request = request_to(Endpoint::status);
  request.token = "tok+en/with=signs";
  for (const std::string echo :
       {"tok+en/with=signs", "tok%2Ben%2Fwith%3Dsigns", "tok%2ben%2fwith%3dsigns",
        R"(tok+en\/with=signs)", R"(tok\u002ben/with=signs)", "task%2Fid-of-some-length",
        "task%252Fid-of-some-length", "task%252fid-of-some-length"}) {
    CAPTURE(echo);
    const ReplyOutcome outcome = judge(
        request, Answered{200,
                          R"({"status":"finish )" + echo + R"(","error":")" + echo +
                              R"(","data":{"logs":[{"args":["say )" + echo + R"("],"level":")" +
                              echo + R"(","filename":")" + echo + R"(","timestamp":")" + echo +
                              R"("}],"result":{"x":")" + echo + "\"}}}",
                          {}});
    REQUIRE(std::holds_alternative<Reported>(outcome.meaning));
    const kdocs_api::StatusReport& report = std::get<Reported>(outcome.meaning).report;
    REQUIRE(outcome.lines.size() == 1);
    const LogLine& line = outcome.lines[0];
    CHECK(line.args == R"(["say ***"])");
    CHECK(line.message == "say ***");
    CHECK(line.level + line.filename + line.timestamp == "*********");
    CHECK(report.status == "finish ***");
    CHECK(report.error == "***");
    CHECK(report.result == R"({"x":"***"})");
    CHECK(outcome.end.body.find("signs") == std::string::npos);
    CHECK(outcome.end.body.find("length") == std::string::npos);
  }
}

TEST_CASE("what the last process lost is a gap of a task's log, or a start that is not confirmed") {
  const ReplyOutcome poll = judge_lost(request_to(Endpoint::status));
  CHECK(std::holds_alternative<NoReport>(poll.meaning));
  CHECK(poll.gap.find("2126-03-02 09:00:00.250") != std::string::npos);
  const ReplyOutcome start = judge_lost(request_to(Endpoint::submit));
  CHECK(std::holds_alternative<NotConfirmed>(start.meaning));
  CHECK(start.gap.empty());
  CHECK(start.end.sent());
}

TEST_CASE("control characters of lines and errors are shown, args are as received") {
  const std::string args = R"(["a\u0000b\u001b[31m\n"])";
  const ReplyOutcome outcome = judge(
      request_to(Endpoint::status),
      Answered{200,
               R"({"error":"at\u0000once","status":"finish","data":{"logs":[{"level":"info\u0000",)"
               R"("filename":"","unix_time":1,"timestamp":"","args":)" +
                   args + R"(}],"result":"1"}})",
               {}});
  REQUIRE(outcome.lines.size() == 1);
  CHECK(outcome.lines[0].message == "a\\u0000b\\u001b[31m\n");
  CHECK(outcome.lines[0].level == "info\\u0000");
  CHECK(outcome.lines[0].args == args);
  CHECK(std::get<Reported>(outcome.meaning).report.error == "at\\u0000once");
}
