#include "poller/api/json_text.h"

#include <doctest/doctest.h>

#include <string>

using namespace kdq;

namespace {

std::string problem_of(const std::string& text) {
  return read_json(text).problem.value_or("none");
}

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

} // namespace

TEST_CASE("a text is compact, with the order of its keys and every digit") {
  struct Row {
    const char* json;
    const char* text;
  };
  for (const Row& row :
       {Row{R"( { "n" : null , "b":true, "i": -1, "s" : "x", "a":[ 1 , 2 ] } )",
            R"({"n":null,"b":true,"i":-1,"s":"x","a":[1,2]})"},
        Row{"\xEF\xBB\xBF[]", "[]"}, Row{"1e400", "1e400"}, Row{"-0.10E-2", "-0.10E-2"},
        Row{R"({"z":1,"a":2,"z":3})", R"({"z":1,"a":2,"z":3})"}, Row{R"("\/\u0041")", R"("/A")"},
        Row{"[[],{},[{}]]", "[[],{},[{}]]"}}) {
    CAPTURE(row.json);
    CHECK(read_json(row.json).text == row.text);
    CHECK(read_json(row.json).exact());
    CHECK(read_json(row.json, JsonRules::mend).text == row.text);
  }
}

TEST_CASE("a string is what it stands for, however it is written") {
  const auto content = [](const std::string& json) {
    std::string text;
    append_content(text, read_json(json).text);
    return text;
  };
  CHECK(content(R"("plain")") == "plain");
  CHECK(content(R"("\u6267\n\"")") == "执\n\"");
  CHECK(content(R"("\ud83d\ude00")") == "\xF0\x9F\x98\x80");
  CHECK(content(R"("half \ud83d")") == "half \xEF\xBF\xBD");
  CHECK(content(R"("\ude00 \ud83d\u0041")") == "\xEF\xBF\xBD \xEF\xBF\xBD"
                                               "A");
  CHECK(content(R"("\u00e9\u07ff\u0800\uffff")") == "\xC3\xA9\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF");
  CHECK(content(R"("")").empty());
  CHECK(content("[1]") == "[1]");
}

TEST_CASE("a problem says where it is and repeats nothing of the text") {
  CHECK(problem_of("") == "it is empty");
  CHECK(problem_of("{\"secret\"") == "it breaks off after byte 9");
  CHECK(problem_of("[1,x]") == "it is no JSON at byte 4");
  CHECK(problem_of(std::string("{}\0", 3)) == "it is no JSON at byte 3");
  CHECK(problem_of("\"\xFF\"") == "it is no JSON at byte 2");
  CHECK(problem_of("\"a\n\"") == "it is no JSON at byte 3");
  for (const char* const text :
       {"01",      "1.",      ".5",          "+1",         "1e",    "-",         "nul",
        "NaN",     "[1,]",    "[,1]",        "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "[1 2]",
        "\"\\x\"", "\"\\u12", "\"\\u12g4\"", "[}",         "1 2",   "'a'"}) {
    CAPTURE(text);
    CHECK(problem_of(text) != "none");
    CHECK(read_json(text, JsonRules::mend).problem);
    CHECK(read_json(text).text.empty());
  }
}

TEST_CASE("what is no character is mended, where that is asked for") {
  for (const std::string bad : {"\xFF", "\xE4\xBD", "\xED\xA0\x80"}) {
    CAPTURE(bad);
    const JsonText read = read_json("[\"a" + bad + "b\"]", JsonRules::mend);
    CHECK(!read.problem);
    CHECK(read.mended);
    CHECK(!read.exact());
    CHECK(read.text.find(bad) == std::string::npos);
    CHECK(read.text.find("\xEF\xBF\xBD") != std::string::npos);
  }
  const JsonText control = read_json("\"a\n\"", JsonRules::mend);
  CHECK(control.exact());
  CHECK(control.text == R"("a\n")");
}

TEST_CASE("a text may be as deep as the limit, not one level deeper") {
  CHECK(problem_of(nested(max_json_depth)) == "none");
  CHECK(problem_of(nested(max_json_depth + 1)) == "it is nested deeper than 1000 levels");
}

TEST_CASE("the words of a value say what stands there, be it JSON or not") {
  struct Row {
    const char* json;
    const char* text;
    bool is_string;
    bool exact;
  };
  for (const Row& row : {Row{"null", "", false, true}, Row{"\"x\"", "x", true, true},
                         Row{"7", "7", false, true}, Row{"{ }", "{}", false, true},
                         Row{"\"\\x\"", "\\x", true, false}, Row{"NaN", "NaN", false, false},
                         Row{"\"\xFF\"", "\xEF\xBF\xBD", true, false}, Row{"", "", false, false}}) {
    CAPTURE(row.json);
    const Words words = words_of(row.json);
    CHECK(words.text == row.text);
    CHECK(words.is_string == row.is_string);
    CHECK(words.exact == row.exact);
  }
}

TEST_CASE("append_quoted() writes what reads back as the same") {
  const std::string content("a\"\\\b\t\n\f\r\0\x1f\x7f/执", 15);
  std::string json;
  append_quoted(json, content);
  CHECK(json == "\"a\\\"\\\\\\b\\t\\n\\f\\r\\u0000\\u001f\x7f/执\"");
  std::string back;
  append_content(back, read_json(json).text);
  CHECK(back == content);
}
