#include "poller/kdocs_api.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

using namespace kdq;
using namespace kdq::kdocs_api;
using namespace std::chrono_literals;
using std::string_literals::operator""s;

namespace {

/// A status body in shape B (bare) or A (in an envelope).
std::string body(const std::string& status, const std::string& data, bool envelope,
                 const std::string& error = "\"\"") {
  const std::string bare =
      R"({"error":)" + error + R"(,"status":")" + status + R"(","data":)" + data + "}";
  return envelope ? R"({"code":0,"data":)" + bare + "}" : bare;
}

StatusReport report(const std::string& text, int http_status = 200) {
  const StatusOutcome outcome = read_status(Answered{http_status, text, {}});
  REQUIRE(std::holds_alternative<StatusReport>(outcome));
  return std::get<StatusReport>(outcome);
}

Damaged damaged(const std::string& text, int http_status = 200) {
  const StatusOutcome outcome = read_status(Answered{http_status, text, {}});
  REQUIRE(std::holds_alternative<Damaged>(outcome));
  return std::get<Damaged>(outcome);
}

ServiceError poll_error(const std::string& text, int http_status = 200) {
  const StatusOutcome outcome = read_status(Answered{http_status, text, {}});
  REQUIRE(std::holds_alternative<ServiceError>(outcome));
  return std::get<ServiceError>(outcome);
}

ServiceError submit_error(const std::string& text, int http_status = 200) {
  const SubmitOutcome outcome = read_submit(Answered{http_status, text, {}});
  REQUIRE(std::holds_alternative<ServiceError>(outcome));
  return std::get<ServiceError>(outcome);
}

std::string accepted(const std::string& text, int http_status = 200) {
  const SubmitOutcome outcome = read_submit(Answered{http_status, text, {}});
  REQUIRE(std::holds_alternative<Accepted>(outcome));
  return std::get<Accepted>(outcome).task.value;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// The line that a single entry is read as.
LogLine line_of(const std::string& entry) {
  const StatusReport read = report(body("running", R"({"logs":[)" + entry + "]}", false));
  REQUIRE(read.logs.size() == 1);
  return read.logs[0];
}

std::vector<std::string> messages(const std::vector<LogLine>& lines) {
  std::vector<std::string> result;
  for (const LogLine& line : lines)
    result.push_back(line.message);
  return result;
}

const std::string three_lines = R"({"args":["a"],"level":"info"},{"args":["b"],"level":"info"},)"
                                R"({"args":["c"],"level":"info"})";

} // namespace

// --- submit ---------------------------------------------------------------------------------

TEST_CASE("the task id is found in each of its places, in this order") {
  struct Row {
    const char* text;
    const char* id;
  };
  const Row rows[] = {
      {R"({"code":0,"data":{"task_id":"1"}})", "1"},
      {R"({"code":0,"task_id":"2"})", "2"},
      {R"({"code":0,"data":{"taskId":"3"}})", "3"},
      {R"({"code":0,"taskId":"4"})", "4"},
      {R"({"taskId":"4","data":{"taskId":"3","task_id":"1"},"task_id":"2"})", "1"},
      {R"({"taskId":"4","data":{"taskId":"3"},"task_id":"2"})", "2"},
      {R"({"taskId":"4","data":{"taskId":"3"}})", "3"},
      {R"({"data":null,"taskId":"4"})", "4"},
      {R"({"data":{"task_id":""},"task_id":"2"})", "2"},
      {R"({"data":{"task_id":7},"task_id":null,"taskId":"4"})", "4"},
      {R"({"code":"0","task_id":"2"})", "2"},
      {R"({"code":0.0,"task_id":"2"})", "2"},
      {R"({"code":null,"task_id":"2"})", "2"},
      {R"({"task_id":"old","task_id":"new"})", "new"},
      {R"({"code":0,"data":{"task_id":"ZdAP%2FdLIG%3D%3D"}})", "ZdAP%2FdLIG%3D%3D"},
      {R"({"task_id":"\u6267\/"})", "执/"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(accepted(row.text) == row.id);
  }
}

TEST_CASE("a task id may have 4096 bytes, not one more") {
  const std::string id(max_task_id_bytes, 'x');
  CHECK(accepted(R"({"task_id":")" + id + R"("})") == id);
  CHECK(submit_error(R"({"task_id":")" + id + R"(x"})").verdict == Verdict::unknown_if_ran);
}

TEST_CASE("a reply of success without a usable task id leaves it unknown whether the script ran") {
  for (const char* const text : {"",
                                 " ",
                                 "<html>",
                                 "{",
                                 R"({"code":0})",
                                 R"({"code":0,"data":{}})",
                                 R"({"code":0,"data":[]})",
                                 R"({"code":0,"data":{"task_id":""}})",
                                 R"({"code":0,"data":{"task_id":12}})",
                                 R"({"code":0,"data":{"task_id":null}})",
                                 R"({"code":0,"data":{"task_id":["x"]}})",
                                 "[]",
                                 "null",
                                 "3",
                                 R"("x")",
                                 "{}",
                                 R"(["task_id","x"])",
                                 R"({"code":0,"data":{"task_id":"x")",
                                 "{\"task_id\":\"\xFF\"}",
                                 R"({"task_id":"x"} trailing)"}) {
    CAPTURE(text);
    for (const int http_status : {200, 201, 204}) {
      const ServiceError error = submit_error(text, http_status);
      CHECK(error.verdict == Verdict::unknown_if_ran);
      CHECK(error.http_status == http_status);
      CHECK(contains(error.sentence, "it is unknown whether the script ran"));
    }
  }
}

TEST_CASE("a task id counts under any HTTP status, a code that is not zero counts more") {
  CHECK(accepted(R"({"code":0,"data":{"task_id":"1"}})", 500) == "1");
  CHECK(accepted(R"({"data":{"task_id":"1"}})", 202) == "1");
  CHECK(submit_error(R"({"code":30010,"data":{"task_id":"1"}})").verdict == Verdict::later);
}

// --- errors ---------------------------------------------------------------------------------

TEST_CASE("each code of the service's table has its verdicts") {
  struct Row {
    std::int64_t code;
    const char* name;
    Verdict submit;
    Verdict poll;
  };
  const Row rows[] = {
      {-1, "Unknown", Verdict::unknown_if_ran, Verdict::retry},
      {10001, "InvalidArgument", Verdict::job_fails, Verdict::task_gone},
      {10002, "Timeout", Verdict::unknown_if_ran, Verdict::retry},
      {10003, "", Verdict::blocked, Verdict::blocked},
      {20002, "", Verdict::blocked, Verdict::blocked},
      {20003, "", Verdict::blocked, Verdict::blocked},
      {20004, "", Verdict::blocked, Verdict::blocked},
      {20005, "", Verdict::blocked, Verdict::blocked},
      {20006, "", Verdict::blocked, Verdict::blocked},
      {30003, "", Verdict::blocked, Verdict::blocked},
      {30005, "", Verdict::blocked, Verdict::blocked},
      {30007, "", Verdict::blocked, Verdict::blocked},
      {30001, "UserUnauthorized", Verdict::token, Verdict::token},
      {30002, "RateLimiter", Verdict::pause, Verdict::pause},
      {30004, "InternalError", Verdict::unknown_if_ran, Verdict::retry},
      {30010, "TooManyTask", Verdict::later, Verdict::later},
      {40008, "AccountUpgrading", Verdict::later, Verdict::later},
      {30006, "", Verdict::job_fails, Verdict::job_fails},
      {30008, "", Verdict::job_fails, Verdict::job_fails},
      {30009, "", Verdict::job_fails, Verdict::job_fails},
      {30011, "", Verdict::job_fails, Verdict::job_fails},
      {30012, "", Verdict::job_fails, Verdict::job_fails},
      {30014, "", Verdict::job_fails, Verdict::job_fails},
      {30015, "", Verdict::job_fails, Verdict::job_fails},
      {30016, "", Verdict::job_fails, Verdict::job_fails},
      // not in the table
      {30013, "", Verdict::unknown_if_ran, Verdict::unknown_code},
      {20001, "", Verdict::unknown_if_ran, Verdict::unknown_code},
      {20007, "", Verdict::unknown_if_ran, Verdict::unknown_code},
      {4711, "", Verdict::unknown_if_ran, Verdict::unknown_code},
      {std::numeric_limits<std::int64_t>::min(), "", Verdict::unknown_if_ran,
       Verdict::unknown_code},
  };
  for (const Row& row : rows) {
    CAPTURE(row.code);
    const std::string number = std::to_string(row.code);
    for (const std::string& code : {number, "\"" + number + "\""}) {
      const std::string text = R"({"code":)" + code + R"(,"msg":"why"})";
      const ServiceError on_submit = submit_error(text);
      CHECK(on_submit.verdict == row.submit);
      CHECK(on_submit.code == row.code);
      CHECK(contains(on_submit.sentence, row.name));
      CHECK(contains(on_submit.sentence, "code " + number));
      CHECK(on_submit.sentence.ends_with(": why"));
      const ServiceError on_poll = poll_error(text);
      CHECK(on_poll.verdict == row.poll);
      CHECK(on_poll.code == row.code);
    }
  }
}

TEST_CASE("each HTTP status has its verdicts where the body says nothing") {
  struct Row {
    int http_status;
    Verdict submit;
    Verdict poll;
    const char* hint;
  };
  const Row rows[] = {
      {0, Verdict::unknown_if_ran, Verdict::retry, "HTTP 0"},
      {101, Verdict::unknown_if_ran, Verdict::retry, "HTTP 101"},
      {301, Verdict::blocked, Verdict::blocked, "base_url"},
      {302, Verdict::blocked, Verdict::blocked, "base_url"},
      {307, Verdict::blocked, Verdict::blocked, "base_url"},
      {400, Verdict::job_fails, Verdict::unknown_code, "HTTP 400"},
      {401, Verdict::token, Verdict::token, "token"},
      {403, Verdict::blocked, Verdict::blocked, "no access"},
      {404, Verdict::job_fails, Verdict::blocked, "HTTP 404"},
      {408, Verdict::unknown_if_ran, Verdict::retry, "HTTP 408"},
      {413, Verdict::job_fails, Verdict::unknown_code, "HTTP 413"},
      {429, Verdict::pause, Verdict::pause, "too many"},
      {500, Verdict::unknown_if_ran, Verdict::retry, "HTTP 500"},
      {502, Verdict::unknown_if_ran, Verdict::retry, "HTTP 502"},
      {503, Verdict::retry, Verdict::retry, "unavailable"},
      {504, Verdict::unknown_if_ran, Verdict::retry, "HTTP 504"},
      {524, Verdict::unknown_if_ran, Verdict::retry, "HTTP 524"},
      {999, Verdict::unknown_if_ran, Verdict::retry, "HTTP 999"},
  };
  for (const Row& row : rows)
    for (const char* const text :
         {"", "<html>no</html>", "{", "[]", "{}", R"({"code":0})", R"({"status":500})",
          R"({"status":"error"})", R"({"code":4711})", R"({"code":"Forbidden"})"}) {
      CAPTURE(row.http_status);
      CAPTURE(text);
      const ServiceError on_submit = submit_error(text, row.http_status);
      CHECK(on_submit.verdict == row.submit);
      CHECK(on_submit.http_status == row.http_status);
      CHECK(contains(on_submit.sentence, row.hint));
      const ServiceError on_poll = poll_error(text, row.http_status);
      CHECK(on_poll.verdict == row.poll);
      CHECK(contains(on_poll.sentence, row.hint));
    }
}

TEST_CASE("a 404 says what may be wrong: the file of a start, status_path of a question") {
  CHECK(contains(submit_error("", 404).sentence, "file_token"));
  CHECK(contains(poll_error("", 404).sentence, "status_path"));
}

TEST_CASE("a body that can be read wins over the HTTP status") {
  CHECK(submit_error(R"({"code":30002})", 401).verdict == Verdict::pause);
  CHECK(submit_error(R"({"code":30001})", 500).verdict == Verdict::token);
  CHECK(submit_error(R"({"code":30004})", 404).verdict == Verdict::unknown_if_ran);
  CHECK(poll_error(R"({"code":30001})", 500).verdict == Verdict::token);
  CHECK(poll_error(R"({"code":10001})", 403).verdict == Verdict::task_gone);
  CHECK(report(body("finish", R"({"result":1})", true), 502).ended);
  CHECK(report(body("running", "{}", false), 404).status == "running");
  CHECK(report(body("paused", R"({"logs":["x"]})", false), 500).logs.size() == 1);
}

TEST_CASE("Retry-After is handed on in full") {
  const Answered limited{429, "", 36h};
  CHECK(std::get<ServiceError>(read_submit(limited)).retry_after == 36h);
  CHECK(std::get<ServiceError>(read_status(limited)).retry_after == 36h);
  const Answered coded{200, R"({"code":30002})", 7s};
  CHECK(std::get<ServiceError>(read_status(coded)).retry_after == 7s);
  CHECK_FALSE(submit_error("", 429).retry_after);
}

TEST_CASE("a code that is no number is an error nobody knows") {
  for (const char* const text : {R"({"code":"Forbidden","msg":"m"})", R"({"code":[],"msg":"m"})",
                                 R"({"code":1.5,"msg":"m"})", R"({"code":true,"msg":"m"})"}) {
    CAPTURE(text);
    CHECK(submit_error(text).verdict == Verdict::unknown_if_ran);
    CHECK(poll_error(text).verdict == Verdict::unknown_code);
    CHECK_FALSE(poll_error(text).code);
    CHECK(poll_error(text).sentence ==
          "KDocs refused the status request: a code that is no number: m");
  }
}

TEST_CASE("an error is one readable sentence") {
  CHECK(submit_error(R"({"code":30010,"result":"TooManyTask","msg":"busy now"})").sentence ==
        "KDocs refused the start: TooManyTask (code 30010): busy now");
  CHECK(submit_error(R"({"code":30004})").sentence ==
        "KDocs failed during the start, and it is unknown whether the script ran: "
        "InternalError (code 30004)");
  CHECK(poll_error(R"({"code":4711,"result":"Odd","message":"why"})").sentence ==
        "KDocs refused the status request: Odd (code 4711): why");
  CHECK(poll_error(R"({"code":4711,"msg":"","message":"why"})", 500).sentence ==
        "KDocs failed to answer the status request: code 4711, HTTP 500: why");
  CHECK(submit_error(R"({"message":"go away"})", 403).sentence ==
        "KDocs refused the start: HTTP 403: the app or the account has no access: go away");
  CHECK(submit_error("", 503).sentence ==
        "KDocs failed before the start: HTTP 503: the service is unavailable");
  CHECK(submit_error("").sentence ==
        "KDocs failed during the start, and it is unknown whether the script ran: the reply "
        "(HTTP 200) has no usable task id; its body is no valid JSON: it is empty");
  CHECK(poll_error(R"({"code":30008,"msg":{"why":["x"]}})").sentence ==
        R"(KDocs refused the status request: code 30008: {"why":["x"]})");
}

TEST_CASE("the service's own words are shortened, put on one line, and free of secrets") {
  const std::string lead = "KDocs refused the start: TooManyTask (code 30010): ";
  const auto said = [&](const std::string& msg) {
    const std::string text = submit_error(R"({"code":30010,"msg":")" + msg + R"("})").sentence;
    REQUIRE(text.starts_with(lead));
    return text.substr(lead.size());
  };
  CHECK(said(std::string(300, 'x')) == std::string(300, 'x'));
  CHECK(said(std::string(301, 'x')) == std::string(300, 'x') + "…");
  // 299 bytes and a character of three: it goes as a whole
  CHECK(said(std::string(299, 'x') + "执行") == std::string(299, 'x') + "…");
  CHECK(said(std::string(297, 'x') + "执行") == std::string(297, 'x') + "执…");
  CHECK(said(R"(a\r\n\tb\u0000\u001b[31mc\u007f\u0085d)") == "a b [31mc d");
  CHECK(said("GET /x?access_token=abc&task_id=q%2F failed") ==
        "GET /x?access_token=***&task_id=*** failed");
  CHECK(said(R"(\u0061ccess_token=abc)") == "access_token=***");
  // a secret that is cut off is still one
  CHECK(without_secret(said(std::string(290, 'x') + "secret-token-value"), "secret-token-value") ==
        std::string(290, 'x') + "***…");
}

// --- status ---------------------------------------------------------------------------------

TEST_CASE("both shapes of a status report read the same") {
  for (const bool envelope : {false, true}) {
    CAPTURE(envelope);
    const StatusReport running =
        report(body("running", R"({"logs":[)" + three_lines + R"(],"result":""})", envelope));
    CHECK(running.status == "running");
    CHECK_FALSE(running.ended);
    CHECK(running.error.empty());
    CHECK(messages(running.logs) == std::vector<std::string>{"a", "b", "c"});
    CHECK(running.result == R"("")");
    const StatusReport done =
        report(body("finish", R"({"logs":[],"result":"[Undefined]"})", envelope));
    CHECK(done.ended);
    CHECK(done.error.empty());
    CHECK(done.logs.empty());
    CHECK(done.result == R"("[Undefined]")");
    const StatusReport failed =
        report(body("finish", R"({"logs":[],"result":""})", envelope, R"("ReferenceError: x")"));
    CHECK(failed.ended);
    CHECK(failed.error == "ReferenceError: x");
  }
}

TEST_CASE("the envelope of a report may have no code, a code of zero, and other keys") {
  for (const char* const text :
       {R"({"data":{"status":"running"}})", R"({"code":null,"data":{"status":"running"}})",
        R"({"code":"0","data":{"status":"running"}})",
        R"({"code":0,"result":"ok","msg":"","data":{"status":"running","data":null}})",
        R"({"status":"running"})", R"({"code":0,"status":"running","data":{"logs":null}})",
        R"({"status":7,"data":{"status":"running"}})", "\xEF\xBB\xBF{\"status\":\"running\"}",
        " \r\n{\"status\" : \"running\"}\n"}) {
    CAPTURE(text);
    CHECK(report(text).status == "running");
    CHECK(report(text).logs.empty());
    CHECK(report(text).result == "null");
  }
}

TEST_CASE("only finish and finished are an end; other words are kept") {
  struct Row {
    const char* word;
    bool ended;
  };
  for (const Row row :
       {Row{"running", false}, Row{"finish", true}, Row{"finished", true}, Row{"Finish", false},
        Row{"failed", false}, Row{"排队", false}, Row{"", false}}) {
    CAPTURE(row.word);
    for (const bool envelope : {false, true}) {
      const StatusReport read = report(body(row.word, "{}", envelope));
      CHECK(read.status == row.word);
      CHECK(read.ended == row.ended);
    }
  }
}

TEST_CASE("the error of a script may be any JSON") {
  struct Row {
    const char* json;
    const char* error;
  };
  for (const Row row : {Row{"\"\"", ""}, Row{"null", ""}, Row{"\"x\\ny\"", "x\ny"},
                        Row{R"({"line": 3})", R"({"line":3})"}, Row{"[1]", "[1]"}, Row{"7", "7"}}) {
    CAPTURE(row.json);
    CHECK(report(body("finish", "{}", true, row.json)).error == row.error);
  }
}

TEST_CASE("the result is kept as JSON text, with key order and every digit") {
  struct Row {
    const char* json;
    const char* kept;
  };
  const Row rows[] = {
      {R"("bar")", R"("bar")"},
      {"null", "null"},
      {"true", "true"},
      {"-12", "-12"},
      {"18446744073709551615", "18446744073709551615"},
      {"123456789012345678901234567890", "123456789012345678901234567890"},
      {"0.10", "0.10"},
      {"1E+2", "1E+2"},
      {"[]", "[]"},
      {"{}", "{}"},
      {R"([ 1 , [ ] , { } , [ [ 2 ] ] ])", "[1,[],{},[[2]]]"},
      {R"({ "z" : 1 , "a" : { "b" : [ true , null ] , "b" : 2 } })",
       R"({"z":1,"a":{"b":[true,null],"b":2}})"},
      {R"(["[","{",":",",","]"])", R"(["[","{",":",",","]"])"},
      {R"("\u6267\n\u0000\"\\\/")", "\"执\\n\\u0000\\\"\\\\/\""},
      {R"("\ud83d\ude00 \ud83d \ude00 \\ud83d \uD83D\uD83D\uDE00")",
       "\"\xF0\x9F\x98\x80 \xEF\xBF\xBD \xEF\xBF\xBD \\\\ud83d \xEF\xBF\xBD\xF0\x9F\x98\x80\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.json);
    for (const bool envelope : {false, true})
      CHECK(
          report(body("finish", R"({"result":)" + std::string(row.json) + "}", envelope)).result ==
          row.kept);
  }
}

TEST_CASE("missing, null and empty logs are no line") {
  for (const char* const data : {"{}", "null", "\"\"", "[]", R"({"logs":null})", R"({"logs":[]})",
                                 R"({"logs":""})", R"({"result":"x"})"}) {
    CAPTURE(data);
    for (const bool envelope : {false, true})
      CHECK(report(body("running", data, envelope)).logs.empty());
  }
}

TEST_CASE("a log line is read with all that it has") {
  const LogLine line = line_of(R"({"args":["foo"],"filename":"test.ks:3:1","level":"info",)"
                               R"("timestamp":"17:29:58.114","unix_time":1690277398})");
  CHECK(line.level == "info");
  CHECK(line.filename == "test.ks:3:1");
  CHECK(line.timestamp == "17:29:58.114");
  CHECK(std::get<std::int64_t>(line.unix_time) == 1690277398);
  CHECK(line.args == R"(["foo"])");
  CHECK(line.message == "foo");
}

TEST_CASE("what a log line lacks is empty") {
  for (const char* const entry :
       {"{}", R"({"args":null,"filename":null,"level":null,"timestamp":null,"unix_time":null})"}) {
    CAPTURE(entry);
    const LogLine line = line_of(entry);
    CHECK(line.level.empty());
    CHECK(line.filename.empty());
    CHECK(line.timestamp.empty());
    CHECK(std::holds_alternative<std::monostate>(line.unix_time));
    CHECK(line.args == "[]");
    CHECK(line.message.empty());
  }
}

TEST_CASE("a message joins the args as console.log prints them") {
  struct Row {
    const char* entry;
    std::string args;
    std::string message;
  };
  const Row rows[] = {
      {R"({"args":["a","b c"]})", R"(["a","b c"])", "a b c"},
      {R"({"args":["a",1,2.50,true,null,{"z":1,"a":[2]},["x"]]})",
       R"(["a",1,2.50,true,null,{"z":1,"a":[2]},["x"]])",
       R"(a 1 2.50 true null {"z":1,"a":[2]} ["x"])"},
      {R"({"args":["",""]})", R"(["",""])", " "},
      {R"({"args":["a\u0000\n执"]})", R"(["a\u0000\n执"])", "a\0\n执"s},
      {R"({"args":"bare"})", R"(["bare"])", "bare"},
      {R"({"args":{"k":1}})", R"([{"k":1}])", R"({"k":1})"},
      {R"({"args":0})", "[0]", "0"},
      // entries that are no objects
      {R"("text")", R"(["text"])", "text"},
      {"7", "[7]", "7"},
      {R"(["x","y"])", R"(["x","y"])", "x y"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.entry);
    const LogLine line = line_of(row.entry);
    CHECK(line.args == row.args);
    CHECK(line.message == row.message);
  }
}

TEST_CASE("logs that are no list are kept as one line") {
  CHECK(messages(report(body("running", R"({"logs":"oops"})", true)).logs) ==
        std::vector<std::string>{"oops"});
  CHECK(messages(report(body("running", R"({"logs":{"args":["x"]}})", true)).logs) ==
        std::vector<std::string>{"x"});
}

TEST_CASE("unix_time is kept as received") {
  const auto read = [](const std::string& json) {
    return line_of(R"({"unix_time":)" + json + "}").unix_time;
  };
  CHECK(std::get<std::int64_t>(read("1690277398")) == 1690277398);
  CHECK(std::get<std::int64_t>(read("1690277398114")) == 1690277398114);
  CHECK(std::get<std::int64_t>(read("\"1690277398\"")) == 1690277398);
  CHECK(std::get<std::int64_t>(read("-1")) == -1);
  CHECK(std::get<double>(read("1690277398.25")) == 1690277398.25);
  CHECK(std::get<double>(read("1.690277398e9")) == 1690277398.0);
  CHECK(std::get<double>(read("18446744073709551615")) == 18446744073709551615.0);
  CHECK(std::holds_alternative<std::monostate>(read("\"soon\"")));
  CHECK(std::holds_alternative<std::monostate>(read("\"\"")));
  CHECK(std::holds_alternative<std::monostate>(read("{}")));
}

TEST_CASE("texts of a line that are no strings are kept as JSON") {
  const LogLine line = line_of(R"({"level":3,"filename":["f"],"timestamp":17.5})");
  CHECK(line.level == "3");
  CHECK(line.filename == R"(["f"])");
  CHECK(line.timestamp == "17.5");
}

// --- damage ---------------------------------------------------------------------------------

TEST_CASE("wherever a report is cut off, the lines that are complete are saved") {
  for (const bool envelope : {false, true}) {
    const std::string whole =
        body("running", R"({"logs":[)" + three_lines + R"(],"result":""})", envelope);
    REQUIRE(report(whole).logs.size() == 3);
    const std::vector<std::string> all{"a", "b", "c"};
    std::size_t saved = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(whole.substr(0, size));
      const Damaged read = damaged(whole.substr(0, size));
      CHECK_FALSE(read.reason.empty());
      // a line is complete from its closing brace on
      std::size_t complete = 0;
      for (std::size_t at = whole.find("\"}"); at != std::string::npos && at + 2 <= size;
           at = whole.find("\"}", at + 2))
        complete += complete < 3 ? 1 : 0;
      CHECK(messages(read.logs) ==
            std::vector<std::string>(all.begin(), all.begin() + static_cast<long>(complete)));
      CHECK(messages(salvage(whole.substr(0, size))) == messages(read.logs));
      saved = complete;
    }
    CHECK(saved == 3);
  }
}

TEST_CASE("lines are saved whatever the order of the keys") {
  const std::string entry = R"({"args":["a"]})";
  for (const std::string& text :
       {R"({"data":{"logs":[)" + entry + ",", R"({"data":{"result":"","logs":[)" + entry + ",{",
        R"({"data":{"data":{"logs":[)" + entry,
        R"({"code":0,"data":{"data":{"logs":[)" + entry + "],",
        R"({"data":{"data":{"logs":[)" + entry + R"(]},"status":"run)"}) {
    CAPTURE(text);
    CHECK(messages(damaged(text).logs) == std::vector<std::string>{"a"});
    CHECK(messages(salvage(text)) == std::vector<std::string>{"a"});
  }
}

TEST_CASE("a body that is broken in the middle keeps what stands before") {
  const std::string head =
      R"({"code":0,"data":{"status":"running","data":{"logs":[{"args":["a"]},)";
  for (const std::string& rest :
       {R"({"args":["b)"s + "\xFF" + R"("]},{"args":["c"]}]}}})", "<html>"s,
        "{\"args\":[\"b\n\"]}"s, "\0"s, R"({"args":["b\x"]}]}}})"s, R"({"args":[NaN]}]}}})"s,
        R"(nul]}}})"s}) {
    CAPTURE(rest);
    CHECK(messages(damaged(head + rest).logs) == std::vector<std::string>{"a"});
  }
}

TEST_CASE("text behind a report makes it damaged but costs no line") {
  const std::string whole = body("finish", R"({"logs":[)" + three_lines + "]}", true);
  for (const std::string& tail : {"x"s, "{}"s, "\0"s, "\0x"s}) {
    CAPTURE(tail);
    CHECK(damaged(whole + tail).logs.size() == 3);
  }
}

TEST_CASE("a reason says where the damage is") {
  CHECK(damaged("").reason == "the reply is no valid JSON: it is empty");
  CHECK(damaged("{\"a\"").reason == "the reply is no valid JSON: it breaks off after byte 4");
  CHECK(damaged("<html>").reason == "the reply is no valid JSON: it is no JSON at byte 1");
  CHECK(damaged("{}").reason == "the reply is neither a status report nor an error");
}

TEST_CASE("JSON that is neither a report nor an error may have eaten lines") {
  for (const char* const text :
       {"[]", "{}", "null", "7", "\"running\"", R"({"code":0})", R"({"code":0,"data":{}})",
        R"({"code":0,"data":null})", R"({"status":7})", R"({"data":{"status":null}})",
        R"({"msg":"hello"})", R"(["status","running"])"}) {
    CAPTURE(text);
    CHECK(damaged(text).logs.empty());
  }
  CHECK(damaged(R"({"code":0,"data":{"data":{"logs":["x"]}}})").logs.size() == 1);
  CHECK(damaged(R"({"data":{"logs":["x"]}})").logs.size() == 1);
}

TEST_CASE("log lines in a reply of error are never dropped") {
  const std::string coded = R"({"code":30004,"data":{"status":"running","data":{"logs":["x"]}}})";
  CHECK(messages(damaged(coded).logs) == std::vector<std::string>{"x"});
  CHECK(contains(damaged(coded).reason, "InternalError (code 30004)"));
  const std::string cut = R"({"status":"running","data":{"logs":["x",)";
  CHECK(messages(damaged(cut, 502).logs) == std::vector<std::string>{"x"});
  CHECK(messages(damaged(R"({"data":{"logs":["x"]}})", 500).logs) == std::vector<std::string>{"x"});
  // and without lines it is the error that it is
  CHECK(poll_error(R"({"code":30004,"data":{"status":"running","data":{"logs":[]}}})").verdict ==
        Verdict::retry);
}

TEST_CASE("deep nesting is damage, not a crash") {
  const std::string head = R"({"status":"finish","data":{"logs":["x"],"result":)";
  const auto nested = [&](std::size_t levels) {
    return head + std::string(levels, '[') + std::string(levels, ']') + "}}";
  };
  CHECK(report(nested(900)).result.size() == 1800);
  CHECK(contains(damaged(nested(1000)).reason, "deeper"));
  const Damaged deep = damaged(nested(2'000'000));
  CHECK(contains(deep.reason, "deeper"));
  CHECK(deep.logs.size() == 1);
  CHECK(damaged(std::string(1'000'000, '[')).logs.empty());
}

TEST_CASE("of a key that stands twice the last one counts") {
  const StatusReport read = report(
      R"({"status":"running","status":"finish","data":{"result":1,"logs":["a"],"logs":["b"],"result":2}})");
  CHECK(read.ended);
  CHECK(read.result == "2");
  CHECK(messages(read.logs) == std::vector<std::string>{"b"});
}

TEST_CASE("a reply with many lines and a large result is read whole") {
  std::string logs;
  for (int i = 0; i < 20'000; ++i)
    logs += (i == 0 ? "" : ",") + R"({"args":["line )"s + std::to_string(i) + R"("]})";
  std::string result = "{";
  for (int i = 0; i < 50'000; ++i)
    result += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":1";
  result += "}";
  const StatusReport read =
      report(body("finish", R"({"logs":[)" + logs + R"(],"result":)" + result + "}", true));
  REQUIRE(read.logs.size() == 20'000);
  CHECK(read.logs[19'999].message == "line 19999");
  CHECK(read.result == result);
}
