// Replies to a start, and status reports. Damaged ones: kdocs_damage_test.cpp; errors:
// kdocs_errors_test.cpp.
#include "tests/poller/api/reply_reading.h"

#include <string>

using namespace kdq;
using namespace kdq::kdocs_api;
using namespace kdq::test;
using std::string_literals::operator""s;

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
  CHECK(submit_error(R"({"task_id":")" + id + R"(x"})").error_class == ErrorClass::unknown_if_ran);
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
      CHECK(error.error_class == ErrorClass::unknown_if_ran);
      CHECK(error.http_status == http_status);
      CHECK(contains(error.sentence, "it is unknown whether the script ran"));
    }
  }
}

TEST_CASE("a task id counts under any HTTP status, a code that is not zero counts more") {
  CHECK(accepted(R"({"code":0,"data":{"task_id":"1"}})", 500) == "1");
  CHECK(accepted(R"({"data":{"task_id":"1"}})", 202) == "1");
  CHECK(submit_error(R"({"code":30010,"data":{"task_id":"1"}})").error_class == ErrorClass::later);
}

// --- status ---------------------------------------------------------------------------------

TEST_CASE("both shapes of a status report read the same") {
  for (const bool envelope : {false, true}) {
    CAPTURE(envelope);
    const auto running =
        report(body("running", R"({"logs":[)" + three_lines + R"(],"result":""})", envelope));
    CHECK(running.status == "running");
    CHECK_FALSE(running.ended);
    CHECK(running.error.empty());
    CHECK(messages(running.lines) == std::vector<std::string>{"a", "b", "c"});
    CHECK(running.result == R"("")");
    const auto done = report(body("finish", R"({"logs":[],"result":"[Undefined]"})", envelope));
    CHECK(done.ended);
    CHECK(done.error.empty());
    CHECK(done.lines.empty());
    CHECK(done.result == R"("[Undefined]")");
    const auto failed =
        report(body("finish", R"({"logs":[],"result":""})", envelope, R"("ReferenceError: x")"));
    CHECK(failed.ended);
    CHECK(failed.error == "ReferenceError: x");
  }
}

TEST_CASE("lines and result count beside the status as well, where imitations put them") {
  for (const std::string envelope : {R"({"code":0,"data":@})", "@"}) {
    const auto read = [&](const std::string& inner) {
      std::string text = envelope;
      return report(text.replace(text.find('@'), 1, inner));
    };
    CAPTURE(envelope);
    for (const std::string data : {"", R"(,"data":null)", R"(,"data":{})", R"(,"data":[])",
                                   R"(,"data":{"logs":[],"result":""})"}) {
      CAPTURE(data);
      const auto beside = read(R"({"error":"","status":"finish","logs":[)" + three_lines +
                               R"(],"result":7)" + data + "}");
      CHECK(beside.ended);
      CHECK(messages(beside.lines) == std::vector<std::string>{"a", "b", "c"});
      CHECK(beside.result == "7");
      CHECK(!beside.left_over);
    }
  }
}

TEST_CASE("what looks like lines or a result and was not taken is told") {
  const std::string usual =
      R"("error":"","status":"finish","data":{"logs":[{"args":["a"]}],"result":1})";
  CHECK(!report("{" + usual + "}").left_over);
  CHECK(!report(R"({"code":0,"result":"ok","data":{)" + usual + "}}").left_over);
  for (const auto* more :
       {R"("logs":[{"args":["b"]}])", R"("result":{"x":1})", R"("output":"b")", R"("log":"b")",
        R"("Logs":["b"])", R"("more":{"deeper":[{"logs":["b"]}]})"}) {
    CAPTURE(more);
    const auto both = report("{" + usual + "," + more + "}");
    CHECK(both.left_over);
    CHECK(messages(both.lines) == std::vector<std::string>{"a"});
    CHECK(both.result == "1");
    CHECK(report(R"({"code":0,"data":{)" + usual + "}," + more + "}").left_over);
  }
  for (const auto* nothing : {R"("logs":[])", R"("logs":null)", R"("result":"")", R"("log":{})",
                              R"("text":"the \"logs\":[1] of a script")", R"("x":["logs"])"}) {
    CAPTURE(nothing);
    CHECK(!report("{" + usual + "," + nothing + "}").left_over);
  }
  // What scripts write themselves has any names.
  CHECK(!report(R"({"status":"finish","data":{"logs":[{"args":[{"logs":[1],"result":2}]}],)"
                R"("result":{"logs":["x"],"result":{"output":3}}}})")
             .left_over);
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
    CHECK(report(text).lines.empty());
    CHECK(report(text).result == "null");
  }
}

TEST_CASE("only finish and finished are an end, other words are kept") {
  struct Row {
    const char* word;
    bool ended;
  };
  for (const Row row :
       {Row{"running", false}, Row{"finish", true}, Row{"finished", true}, Row{"Finish", false},
        Row{"failed", false}, Row{"排队", false}, Row{"", false}}) {
    CAPTURE(row.word);
    for (const bool envelope : {false, true}) {
      const auto read = report(body(row.word, "{}", envelope));
      CHECK(read.status == row.word);
      CHECK(read.ended == row.ended);
    }
  }
}

TEST_CASE("a word of others is an end where a result or an error comes with it") {
  struct Row {
    const char* word;
    bool with_result;
    bool with_error;
  };
  for (const Row row :
       {Row{"FINISH", true, true}, Row{"Finished", true, true}, Row{"success", true, true},
        Row{"Completed", true, true}, Row{"FAILED", false, true}, Row{"error", false, true},
        Row{"running", false, false}, Row{"paused", false, false}, Row{"", false, false},
        Row{"排队", false, false}}) {
    CAPTURE(row.word);
    for (const bool envelope : {false, true}) {
      CHECK(report(body(row.word, R"({"result":"[Undefined]"})", envelope)).ended ==
            row.with_result);
      CHECK(report(body(row.word, R"({"result":""})", envelope, R"("it broke")")).ended ==
            row.with_error);
      CHECK(!report(body(row.word, R"({"logs":[],"result":""})", envelope)).ended);
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
      {R"("\b\t\n\f\r\u0001\u001F\u007f\/")", "\"\\b\\t\\n\\f\\r\\u0001\\u001f\x7f/\""},
      {"-0", "-0"},
      {R"({"a\"b":[{"args":["x"]}]})", R"({"a\"b":[{"args":["x"]}]})"},
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
      CHECK(report(body("running", data, envelope)).lines.empty());
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
  CHECK(messages(report(body("running", R"({"logs":"oops"})", true)).lines) ==
        std::vector<std::string>{"oops"});
  CHECK(messages(report(body("running", R"({"logs":{"args":["x"]}})", true)).lines) ==
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

TEST_CASE("of a key that stands twice the last one counts") {
  const auto read = report(
      R"({"status":"running","status":"finish","data":{"result":1,"logs":["a"],"logs":["b"],"result":2}})");
  CHECK(read.ended);
  CHECK(read.result == "2");
  CHECK(messages(read.lines) == std::vector<std::string>{"b"});
  CHECK(read.left_over);
  CHECK(read.unread);
  CHECK(report(R"({"status":"running","sta\u0074us":"finish"})").ended);
}

TEST_CASE("a reply with many lines and a large result is read whole") {
  std::string logs;
  for (int i = 0; i < 20'000; ++i)
    logs += (i == 0 ? "" : ",") + R"({"args":["line )"s + std::to_string(i) + R"("]})";
  std::string result = "{";
  for (int i = 0; i < 50'000; ++i)
    result += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":1";
  result += "}";
  const auto read =
      report(body("finish", R"({"logs":[)" + logs + R"(],"result":)" + result + "}", true));
  REQUIRE(read.lines.size() == 20'000);
  CHECK(read.lines[19'999].message == "line 19999");
  CHECK(read.result == result);
}
