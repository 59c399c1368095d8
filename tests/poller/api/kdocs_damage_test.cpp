// Replies that are damaged: what of them is read all the same.
#include "tests/poller/api/reply_reading.h"

#include <string>
#include <utility>

using namespace kdq;
using namespace kdq::kdocs_api;
using namespace kdq::test;
using std::string_literals::operator""s;

TEST_CASE("wherever a report is cut off, the lines that are complete are saved") {
  for (const bool envelope : {false, true}) {
    const std::string whole =
        body("running", R"({"logs":[)" + three_lines + R"(],"result":""})", envelope);
    REQUIRE(report(whole).lines.size() == 3);
    const std::vector<std::string> all{"a", "b", "c"};
    std::size_t saved = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(whole.substr(0, size));
      const auto read = damaged(whole.substr(0, size));
      CHECK_FALSE(read.reason.empty());
      // a line is complete from its closing brace on
      std::size_t complete = 0;
      for (std::size_t at = whole.find("\"}"); at != std::string::npos && at + 2 <= size;
           at = whole.find("\"}", at + 2))
        complete += complete < 3 ? 1 : 0;
      CHECK(messages(read.lines) ==
            std::vector<std::string>(all.begin(), all.begin() + static_cast<long>(complete)));
      CHECK(messages(salvaged(whole.substr(0, size))) == messages(read.lines));
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
        R"({"data":{"data":{"logs":[)" + entry + R"(]},"status":"run)",
        R"({"status":"running","data":{"logs":[)" + entry + R"(],"data":{}},"status":{)"}) {
    CAPTURE(text);
    CHECK(messages(damaged(text).lines) == std::vector<std::string>{"a"});
    CHECK(messages(salvaged(text)) == std::vector<std::string>{"a"});
  }
}

TEST_CASE("a body whose structure is broken keeps what stands before") {
  const std::string head =
      R"({"code":0,"data":{"status":"running","data":{"logs":[{"args":["a"]},)";
  for (const std::string& rest : {"<html>"s, "\0"s, "{\"args\":[\"b\"}"s, R"({"args":["b"x]}]}}})"s,
                                  R"({"args":["b"]})"s + "]]"s, R"({'args':["b"]}]}}})"s}) {
    CAPTURE(rest);
    CHECK(damaged(head + rest).lines.at(0).message == "a");
  }
}

TEST_CASE("an entry that is no JSON costs its line, and no other") {
  const std::string deep = std::string(1001, '[') + std::string(1001, ']');
  for (const std::string& bad :
       {R"({"args":["b\x"]})"s, R"({"args":[NaN]})"s, R"({"args":[01]})"s, "nul"s, ""s,
        R"({"args":["\u12"]})"s, R"({"args":)" + deep + "}", R"({"args":[-]})"s}) {
    CAPTURE(bad);
    for (const std::string status : {"running", "finish"}) {
      const auto read = report(body(
          status, R"({"logs":[{"args":["a"]},)" + bad + R"(,{"args":["c"]}],"result":7})", true));
      CHECK(read.ended == (status == "finish"));
      CHECK(messages(read.lines) == std::vector<std::string>{"a", "c"});
      CHECK(read.unread_lines == 1);
      CHECK(read.result == "7");
      CHECK(!read.unread);
    }
  }
}

TEST_CASE("what of a line can be read is in it, and it is told that there is more") {
  struct Row {
    std::string entry;
    std::string message;
  };
  for (const Row& row :
       {Row{"{\"args\":[\"cut \xE4\xBD\"],\"level\":\"info\"}", "cut \xEF\xBF\xBD\xEF\xBF\xBD"},
        Row{"{\"args\":[\"x\"],\"level\":\"\xFF\"}", "x"},
        Row{R"({"args":["x"],"unix_time":NaN})", "x"},
        Row{R"({"args":["x"],"filename":"\q"})", "x"}, Row{R"({"args":["x"],"args":["y"]})", "y"},
        Row{R"({"text":"x"})", ""}, Row{"\"\xFF\"", "\xEF\xBF\xBD"}}) {
    CAPTURE(row.entry);
    const auto read = report(body("finish", R"({"logs":[)" + row.entry + "]}", false));
    CHECK(messages(read.lines) == std::vector<std::string>{row.message});
    CHECK(read.unread_lines == 1);
  }
  // These are unusual, but all of them is there.
  for (const std::string& entry :
       {R"({"args":[1e400,-0.0,123456789012345678901234567890]})"s, "{\"args\":[\"a\nb\"]}"s,
        R"({"args":["half \ud83d"]})"s, R"({"args":["x"],"more":NaN})"s, "{}"s}) {
    CAPTURE(entry);
    CHECK(report(body("finish", R"({"logs":[)" + entry + "]}", false)).unread_lines == 0);
  }
  CHECK(line_of(R"({"args":[1e400, -0.0]})").message == "1e400 -0.0");
}

TEST_CASE("the end counts, whatever the result is") {
  const std::string deep = std::string(1000, '[') + std::string(1000, ']');
  struct Row {
    std::string json;
    std::string kept; ///< empty: it cannot be read
  };
  for (const Row& row :
       {Row{"1e400", "1e400"}, Row{"-1E+4000", "-1E+4000"}, Row{deep, deep},
        Row{"[" + deep + "]", ""}, Row{"\"\xE4\xBD\"", ""}, Row{"NaN", ""},
        Row{R"({"a":1,"a":2})", R"({"a":1,"a":2})"}, Row{R"("\ud83d")", "\"\xEF\xBF\xBD\""},
        Row{R"("\x")", ""}, Row{"[1,]", ""}, Row{"", ""}}) {
    CAPTURE(row.json);
    for (const bool envelope : {false, true}) {
      const auto read = report(body(
          "finish", R"({"result":)" + row.json + R"(,"logs":[)" + three_lines + "]}", envelope));
      CHECK(read.ended);
      CHECK(read.error.empty());
      CHECK(read.lines.size() == 3);
      CHECK(read.result == row.kept);
      CHECK(read.unread == row.kept.empty());
    }
  }
}

TEST_CASE("an error that is no JSON is an error, with what can be read of it") {
  for (const auto& [json, text] :
       {std::pair{"\"\\x \xFF\""s, "\\x \xEF\xBF\xBD"s}, std::pair{"NaN"s, "NaN"s}}) {
    const auto read = report(body("finish", "{}", true, json));
    CHECK(read.ended);
    CHECK(read.error == text);
    CHECK(read.unread);
  }
  CHECK(report(R"({"error":"x","error":"","status":"finish"})").unread);
}

TEST_CASE("text behind a report is told and costs no line and no end") {
  const std::string whole = body("finish", R"({"logs":[)" + three_lines + "]}", true);
  CHECK(!report(whole).unread);
  for (const std::string& tail : {"x"s, "{}"s, "\0"s, "\0x"s}) {
    CAPTURE(tail);
    CHECK(report(whole + tail).lines.size() == 3);
    CHECK(report(whole + tail).ended);
    CHECK(report(whole + tail).unread);
  }
}

TEST_CASE("what cannot be read elsewhere in a reply spoils neither a report nor a task id") {
  CHECK(!report(R"({"status":"finish","more":[NaN,"\x",],"data":{"logs":[]}})").unread);
  CHECK(accepted("{\"code\":0,\"msg\":\"\xFF\",\"data\":{\"n\":1e400,\"task_id\":\"T\"}}") == "T");
  CHECK(poll_error("{\"code\":30002,\"msg\":\"slow \xE4\xBD\"}").error_class == ErrorClass::pause);
}

TEST_CASE("a body that breaks off says an end only if status and error stand before") {
  struct Row {
    const char* text;
    bool says;
    const char* result;
  };
  for (
      const Row& row : {
          Row{R"({"error":"","status":"finish","data":{"logs":["a","b)", true, ""},
          Row{R"({"error":"","status":"finish","data":{"result":[1],"logs":["a",)", true, "[1]"},
          Row{R"({"code":0,"data":{"error":"","status":"finish","data":{"logs":["a"],"result":"xx)",
              true, ""},
          Row{R"({"error":"","status":"running","data":{"logs":["a",)", false, ""},
          Row{R"({"status":"finish","data":{"logs":["a",)", false, ""},
          Row{R"({"error":"x)", false, ""},
          Row{R"({"error":"","data":{"logs":["a"]},"status":"fini)", false, ""},
          Row{R"({"code":30004,"data":{"error":"","status":"finish","data":{"logs":["a",)", false,
              ""},
      }) {
    CAPTURE(row.text);
    const auto read = damaged(row.text);
    REQUIRE(read.end.has_value() == row.says);
    CHECK(salvage(row.text, 200).end.has_value() == row.says);
    CHECK(!salvage(row.text, 502).end);
    if (read.end) {
      CHECK(read.end->ended);
      CHECK(read.end->result == row.result);
    }
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
    CHECK(damaged(text).lines.empty());
  }
  CHECK(damaged(R"({"code":0,"data":{"data":{"logs":["x"]}}})").lines.size() == 1);
  CHECK(damaged(R"({"data":{"logs":["x"]}})").lines.size() == 1);
}

TEST_CASE("log lines in a reply of error are never dropped") {
  const std::string coded = R"({"code":30004,"data":{"status":"running","data":{"logs":["x"]}}})";
  CHECK(messages(damaged(coded).lines) == std::vector<std::string>{"x"});
  CHECK(contains(damaged(coded).reason, "InternalError (code 30004)"));
  const std::string cut = R"({"status":"running","data":{"logs":["x",)";
  CHECK(messages(damaged(cut, 502).lines) == std::vector<std::string>{"x"});
  CHECK(messages(damaged(R"({"data":{"logs":["x"]}})", 500).lines) ==
        std::vector<std::string>{"x"});
  // and without lines it is the error that it is
  CHECK(
      poll_error(R"({"code":30004,"data":{"status":"running","data":{"logs":[]}}})").error_class ==
      ErrorClass::retry);
}

TEST_CASE("deep nesting costs what is nested, and no memory to speak of") {
  const std::string head = R"({"status":"finish","data":{"logs":["x"],"result":)";
  const auto nested = [&](std::size_t levels) {
    return head + std::string(levels, '[') + std::string(levels, ']') + "}}";
  };
  CHECK(report(nested(900)).result.size() == 1800);
  for (const std::size_t levels : {1001U, 2'000'000U}) {
    const auto deep = report(nested(levels));
    CHECK(deep.ended);
    CHECK(deep.result.empty());
    CHECK(deep.unread);
    CHECK(deep.lines.size() == 1);
  }
  CHECK(damaged(std::string(1'000'000, '[')).lines.empty());
}

TEST_CASE("lines can be read piece by piece, each entry once") {
  std::string logs = "NaN";
  for (int i = 1; i < 1000; ++i)
    logs += " , " + std::to_string(i);
  const std::string text = body("running", R"({"logs":[ )" + logs + " ]}", true);
  LogEntries entries = report(text).logs;
  CHECK(entries.left == 1000);
  std::vector<std::string> all;
  for (std::size_t pieces = 0; !entries.empty(); ++pieces) {
    const LogPiece piece = read_lines(text, entries, {300, 1000});
    CHECK(piece.entries <= 300);
    CHECK(piece.entries > 0);
    CHECK(piece.unread == (pieces == 0 ? 1 : 0));
    CHECK(piece.lines.size() + piece.unread == piece.entries);
    for (const LogLine& line : piece.lines)
      all.push_back(line.message);
  }
  REQUIRE(all.size() == 999);
  CHECK(all.front() == "1");
  CHECK(all.back() == "999");
}
