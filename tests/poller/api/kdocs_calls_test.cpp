#include "poller/api/kdocs_api.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <string>

using namespace kdq;
using namespace kdq::kdocs_api;
using std::string_literals::operator""s;
using nlohmann::json;

namespace {

ClaimedJob job_with(std::string script) {
  ClaimedJob job;
  job.id = JobId{7};
  job.file_token = "G_xvUrobayOMXvA4IJFVq19n6epm0T7PjYphWo-N3cE";
  job.script = std::move(script);
  return job;
}

HttpRequest sent(const ClaimedJob& job, const AppSettings& app = {}) {
  const auto call = run_script(app, "tok", job);
  REQUIRE(std::holds_alternative<HttpRequest>(call));
  return std::get<HttpRequest>(call);
}

std::string refused(const ClaimedJob& job) {
  const auto call = run_script({}, "tok", job);
  REQUIRE(std::holds_alternative<Unsendable>(call));
  return std::get<Unsendable>(call).sentence;
}

} // namespace

TEST_CASE("a start is a POST to the file's script path with the token in the query") {
  AppSettings app;
  app.ca_file = "/etc/ca.pem";
  ClaimedJob job = job_with("console.log(1)");
  const HttpRequest request = sent(job, app);
  CHECK(request.method == HttpRequest::Method::post);
  CHECK(request.url == "https://developer.kdocs.cn/api/v1/openapi/personal/files/"
                       "G_xvUrobayOMXvA4IJFVq19n6epm0T7PjYphWo-N3cE/script?access_token=tok");
  CHECK(request.ca_file == "/etc/ca.pem");
}

TEST_CASE("file token and access token are percent-encoded") {
  ClaimedJob job = job_with("1");
  job.file_token = "a/b?c d";
  const auto call = run_script({}, "t&k=/+ü", job);
  CHECK(std::get<HttpRequest>(call).url ==
        "https://developer.kdocs.cn/api/v1/openapi/personal/files/a%2Fb%3Fc%20d/script"
        "?access_token=t%26k%3D%2F%2B%C3%BC");
}

TEST_CASE("slashes at the end of base_url do not double") {
  for (const char* const base :
       {"http://127.0.0.1:8080", "http://127.0.0.1:8080/", "http://127.0.0.1:8080//"}) {
    CAPTURE(base);
    AppSettings app;
    app.base_url = base;
    CHECK(sent(job_with("1"), app).url.starts_with("http://127.0.0.1:8080/api/v1/openapi/"));
    CHECK(task_status(app, "t", TaskId{"x"}).url.starts_with("http://127.0.0.1:8080/api/v1/"));
  }
}

TEST_CASE("the body holds only what the job has") {
  ClaimedJob job = job_with("console.log(\"ä\\n\")\r\n\tTime.sleep(1)");
  CHECK(json::parse(sent(job).body) == json{{"script", job.script}});
  job.script_name = "te\"st";
  CHECK(json::parse(sent(job).body) == json{{"script", job.script}, {"script_name", "te\"st"}});
  job.argv = R"({"a":[1,"x"]})";
  CHECK(json::parse(sent(job).body) == json{{"script", job.script},
                                            {"script_name", "te\"st"},
                                            {"custom_argv", {{"a", {1, "x"}}}}});
}

TEST_CASE("a script with control characters and NUL arrives as it is") {
  const ClaimedJob job = job_with("a\0b\x01\x7f"s);
  CHECK(json::parse(sent(job).body)["script"] == "a\0b\x01\x7f"s);
}

TEST_CASE("argv goes out with the user's key order and every digit") {
  ClaimedJob job = job_with("1");
  job.argv = R"({ "z": 123456789012345678901234567890, "a": 1.10, "h": "\ud83d" })";
  CHECK(sent(job).body == R"({"script":"1","custom_argv":)" + job.argv + "}");
}

TEST_CASE("a byte order mark is left out of script and argv") {
  const std::string mark = "\xEF\xBB\xBF";
  ClaimedJob job = job_with(mark + "foo");
  job.argv = mark + "{}";
  CHECK(sent(job).body == R"({"script":"foo","custom_argv":{}})");
}

TEST_CASE("a job that cannot be sent is refused with a sentence") {
  struct Row {
    std::string script, name, argv, file, sentence;
  };
  const Row rows[] = {
      {"0123456789abcdefg\xFFx", "", "", "f", "script is not valid UTF-8 (byte 17)"},
      {"\xFF", "", "", "f", "script is not valid UTF-8 (byte 0)"},
      {"a\xC0\x80", "", "", "f", "script is not valid UTF-8 (byte 1)"},      // overlong NUL
      {"ab\xED\xA0\x80", "", "", "f", "script is not valid UTF-8 (byte 2)"}, // surrogate
      {"\xE4\xBD", "", "", "f", "script is not valid UTF-8 (byte 0)"},       // cut off
      {"\xF4\x90\x80\x80", "", "", "f", "script is not valid UTF-8 (byte 0)"},
      {"\xEF\xBB\xBF", "", "", "f", "script is empty"},
      {"1", "x\xFE", "", "f", "script_name is not valid UTF-8 (byte 1)"},
      {"1", "", "[1]", "f", "argv is no JSON object"},
      {"1", "", "3", "f", "argv is no JSON object"},
      {"1", "", "{\"a\":", "f", "argv is not valid JSON: it breaks off after byte 5"},
      {"1", "", "{\"a\":x}", "f", "argv is not valid JSON: it is no JSON at byte 6"},
      {"1", "", "{}\0"s, "f", "argv is not valid JSON: it is no JSON at byte 3"},
      {"1", "", "{} {}", "f", "argv is not valid JSON: it is no JSON at byte 4"},
      {"1", "", "", "..", "file_token does not name a file: \"..\""},
      {"1", "", "", ".", "file_token does not name a file: \".\""},
      {"1", "", "", "", "file_token does not name a file: \"\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sentence);
    ClaimedJob job = job_with(row.script);
    job.script_name = row.name;
    job.argv = row.argv;
    job.file_token = row.file;
    CHECK(refused(job) == row.sentence);
  }
}

TEST_CASE("valid UTF-8 of every length is sent") {
  const std::string text = "a\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"
                           "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF";
  CHECK(json::parse(sent(job_with(text)).body)["script"] == text);
}

TEST_CASE("the task id is percent-encoded once, as received") {
  const HttpRequest request = task_status({}, "to/k", TaskId{"x1ZdAP%2FdLIG%3D%3D"});
  CHECK(request.method == HttpRequest::Method::get);
  CHECK(request.body.empty());
  CHECK(request.url == "https://developer.kdocs.cn/api/v1/openapi/personal/script/status"
                       "?access_token=to%2Fk&task_id=x1ZdAP%252FdLIG%253D%253D");
}

TEST_CASE("status_path is a setting") {
  AppSettings app;
  app.status_path = "/api/v1/openapi/personal/personal/script/status";
  CHECK(task_status(app, "t", TaskId{"i"}).url ==
        "https://developer.kdocs.cn/api/v1/openapi/personal/personal/script/status"
        "?access_token=t&task_id=i");
}

TEST_CASE("encode_uri_component keeps what encodeURIComponent keeps") {
  const std::string kept = "ABCXYZabcxyz0189-_.!~*'()";
  CHECK(encode_uri_component(kept) == kept);
  CHECK(encode_uri_component("%2F") == "%252F");
  CHECK(encode_uri_component(" /?#[]@$&+,;=:\"\\\0\x7F"s) ==
        "%20%2F%3F%23%5B%5D%40%24%26%2B%2C%3B%3D%3A%22%5C%00%7F");
  CHECK(encode_uri_component("执\xFF") == "%E6%89%A7%FF");
}
