// Errors of both endpoints, as whole replies.
#include "tests/poller/api/reply_reading.h"

#include <limits>
#include <string>

using namespace kdq;
using namespace kdq::kdocs_api;
using namespace kdq::test;
using namespace std::chrono_literals;

TEST_CASE("each code of the service's table has its verdicts") {
  struct Row {
    std::int64_t code;
    const char* name;
    ErrorClass submit;
    ErrorClass poll;
  };
  const Row rows[] = {
      {-1, "Unknown", ErrorClass::unknown_if_ran, ErrorClass::retry},
      {10001, "InvalidArgument", ErrorClass::job_fails, ErrorClass::task_gone},
      {10002, "Timeout", ErrorClass::unknown_if_ran, ErrorClass::retry},
      {10003, "", ErrorClass::blocked, ErrorClass::blocked},
      {20002, "", ErrorClass::blocked, ErrorClass::blocked},
      {20003, "", ErrorClass::blocked, ErrorClass::blocked},
      {20004, "", ErrorClass::blocked, ErrorClass::blocked},
      {20005, "", ErrorClass::blocked, ErrorClass::blocked},
      {20006, "", ErrorClass::blocked, ErrorClass::blocked},
      {20007, "AccessTokenInvalid", ErrorClass::token, ErrorClass::token},
      {30003, "", ErrorClass::blocked, ErrorClass::blocked},
      {30005, "", ErrorClass::blocked, ErrorClass::blocked},
      {30007, "", ErrorClass::blocked, ErrorClass::blocked},
      {30001, "UserUnauthorized", ErrorClass::token, ErrorClass::token},
      {30002, "RateLimiter", ErrorClass::pause, ErrorClass::pause},
      {30004, "InternalError", ErrorClass::unknown_if_ran, ErrorClass::retry},
      {30010, "TooManyTask", ErrorClass::later, ErrorClass::later},
      {40008, "AccountUpgrading", ErrorClass::later, ErrorClass::later},
      {30006, "", ErrorClass::job_fails, ErrorClass::job_fails},
      {30008, "", ErrorClass::job_fails, ErrorClass::job_fails},
      {30009, "", ErrorClass::job_fails, ErrorClass::job_fails},
      {30011, "", ErrorClass::job_fails, ErrorClass::job_fails},
      {30012, "", ErrorClass::job_fails, ErrorClass::job_fails},
      {30014, "", ErrorClass::job_fails, ErrorClass::job_fails},
      {30015, "", ErrorClass::job_fails, ErrorClass::job_fails},
      {30016, "", ErrorClass::job_fails, ErrorClass::job_fails},
      // not in the table
      {30013, "", ErrorClass::unknown_if_ran, ErrorClass::unknown_code},
      {20001, "", ErrorClass::unknown_if_ran, ErrorClass::unknown_code},
      {20008, "", ErrorClass::unknown_if_ran, ErrorClass::unknown_code},
      {4711, "", ErrorClass::unknown_if_ran, ErrorClass::unknown_code},
      {std::numeric_limits<std::int64_t>::min(), "", ErrorClass::unknown_if_ran,
       ErrorClass::unknown_code},
  };
  for (const Row& row : rows) {
    CAPTURE(row.code);
    const std::string number = std::to_string(row.code);
    for (const std::string& code : {number, "\"" + number + "\""}) {
      const std::string text = R"({"code":)" + code + R"(,"msg":"why"})";
      const ServiceError on_submit = submit_error(text);
      CHECK(on_submit.error_class == row.submit);
      CHECK(on_submit.code == row.code);
      CHECK(contains(on_submit.sentence, row.name));
      CHECK(contains(on_submit.sentence, "code " + number));
      CHECK(on_submit.sentence.ends_with(": why"));
      const ServiceError on_poll = poll_error(text);
      CHECK(on_poll.error_class == row.poll);
      CHECK(on_poll.code == row.code);
    }
  }
}

TEST_CASE("each HTTP status has its verdicts where the body says nothing") {
  struct Row {
    int http_status;
    ErrorClass submit;
    ErrorClass poll;
    const char* hint;
  };
  const Row rows[] = {
      {0, ErrorClass::unknown_if_ran, ErrorClass::retry, "HTTP 0"},
      {101, ErrorClass::unknown_if_ran, ErrorClass::retry, "HTTP 101"},
      {301, ErrorClass::blocked, ErrorClass::blocked, "base_url"},
      {302, ErrorClass::blocked, ErrorClass::blocked, "base_url"},
      {307, ErrorClass::blocked, ErrorClass::blocked, "base_url"},
      {400, ErrorClass::job_fails, ErrorClass::unknown_code, "HTTP 400"},
      {401, ErrorClass::token, ErrorClass::token, "token"},
      {403, ErrorClass::blocked, ErrorClass::blocked, "no access"},
      {404, ErrorClass::job_fails, ErrorClass::blocked, "HTTP 404"},
      {408, ErrorClass::unknown_if_ran, ErrorClass::retry, "HTTP 408"},
      {413, ErrorClass::job_fails, ErrorClass::unknown_code, "HTTP 413"},
      {429, ErrorClass::pause, ErrorClass::pause, "too many"},
      {500, ErrorClass::unknown_if_ran, ErrorClass::retry, "HTTP 500"},
      {502, ErrorClass::unknown_if_ran, ErrorClass::retry, "HTTP 502"},
      {503, ErrorClass::retry, ErrorClass::retry, "unavailable"},
      {504, ErrorClass::unknown_if_ran, ErrorClass::retry, "HTTP 504"},
      {524, ErrorClass::unknown_if_ran, ErrorClass::retry, "HTTP 524"},
      {999, ErrorClass::unknown_if_ran, ErrorClass::retry, "HTTP 999"},
  };
  for (const Row& row : rows)
    for (const char* const text :
         {"", "<html>no</html>", "{", "[]", "{}", R"({"code":0})", R"({"status":500})",
          R"({"status":"error"})", R"({"code":4711})", R"({"code":"Forbidden"})"}) {
      CAPTURE(row.http_status);
      CAPTURE(text);
      const ServiceError on_submit = submit_error(text, row.http_status);
      CHECK(on_submit.error_class == row.submit);
      CHECK(on_submit.http_status == row.http_status);
      CHECK(contains(on_submit.sentence, row.hint));
      const ServiceError on_poll = poll_error(text, row.http_status);
      CHECK(on_poll.error_class == row.poll);
      CHECK(contains(on_poll.sentence, row.hint));
    }
}

TEST_CASE("a 404 says what may be wrong: the file of a start, status_path of a question") {
  CHECK(contains(submit_error("", 404).sentence, "file_token"));
  CHECK(contains(poll_error("", 404).sentence, "status_path"));
}

TEST_CASE("a body that can be read wins over the HTTP status") {
  CHECK(submit_error(R"({"code":30002})", 401).error_class == ErrorClass::pause);
  CHECK(submit_error(R"({"code":30001})", 500).error_class == ErrorClass::token);
  CHECK(submit_error(R"({"code":30004})", 404).error_class == ErrorClass::unknown_if_ran);
  CHECK(poll_error(R"({"code":30001})", 500).error_class == ErrorClass::token);
  CHECK(poll_error(R"({"code":10001})", 403).error_class == ErrorClass::task_gone);
  CHECK(report(body("finish", R"({"result":1})", true), 502).ended);
  CHECK(report(body("running", "{}", false), 404).status == "running");
  CHECK(report(body("paused", R"({"logs":["x"]})", false), 500).lines.size() == 1);
}

TEST_CASE("Retry-After is handed on in full") {
  const Answered limited{429, "", 36h};
  CHECK(std::get<ServiceError>(read_submit(limited)).retry_after == 36h);
  CHECK(std::get<ServiceError>(read_status(limited)).retry_after == 36h);
  const Answered coded{200, R"({"code":30002})", 7s};
  CHECK(std::get<ServiceError>(read_status(coded)).retry_after == 7s);
  CHECK_FALSE(submit_error("", 429).retry_after);
  // Within bounds: no time that the arithmetic of the clocks could not take, and never at once.
  const Answered huge{429, "", std::chrono::seconds::max()};
  CHECK(std::get<ServiceError>(read_submit(huge)).retry_after == std::chrono::days(366));
  for (const auto none : {0s, -5s, std::chrono::seconds::min()}) {
    const Answered at_once{503, "", none};
    CHECK(std::get<ServiceError>(read_status(at_once)).retry_after == 1s);
  }
}

TEST_CASE("a code that is no number is an error nobody knows") {
  for (const char* const text : {R"({"code":"Forbidden","msg":"m"})", R"({"code":[],"msg":"m"})",
                                 R"({"code":1.5,"msg":"m"})", R"({"code":true,"msg":"m"})"}) {
    CAPTURE(text);
    CHECK(submit_error(text).error_class == ErrorClass::unknown_if_ran);
    CHECK(poll_error(text).error_class == ErrorClass::unknown_code);
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
