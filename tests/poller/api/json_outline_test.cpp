#include "poller/api/json_outline.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace kdq;

namespace {

std::string problem_of(const std::string& text) {
  return JsonOutline(text).problem().value_or("none");
}

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

} // namespace

TEST_CASE("each kind of value is told apart, and its text is compact") {
  const JsonOutline outline(R"( { "n" : null , "b":true, "i": -1, "s" : "x", "a":[ 1 , 2 ] } )");
  const JsonValue root = outline.root();
  CHECK(root.kind() == JsonKind::object);
  CHECK(root.text() == R"({"n":null,"b":true,"i":-1,"s":"x","a":[1,2]})");
  CHECK(root.find("n").kind() == JsonKind::null);
  CHECK(root.find("b").kind() == JsonKind::boolean);
  CHECK(root.find("i").kind() == JsonKind::number);
  CHECK(root.find("s").string() == "x");
  CHECK(root.find("a").kind() == JsonKind::array);
  CHECK(root.find("none").kind() == JsonKind::missing);
  CHECK_FALSE(outline.problem());
}

TEST_CASE("only what was asked for can be looked into, all else is text") {
  const std::string text = R"({"data":{"x":{"y":1}},"other":{"x":2},"list":[{"data":{"x":3}}]})";
  const JsonOutline outline(text, {"data"});
  const JsonValue data = outline.root().find("data");
  CHECK(data.find("x").text() == R"({"y":1})");
  CHECK_FALSE(data.find("x").find("y"));
  CHECK_FALSE(outline.root().find("other").find("x"));
  CHECK(outline.root().find("other").text() == R"({"x":2})");
  CHECK_FALSE(outline.root().find("list").first());
}

TEST_CASE("the values of a list stand beside each other, and each object in it opens") {
  const JsonOutline outline(R"([{"k":"a"},7,{"k":"b"}])");
  std::vector<std::string> texts;
  for (JsonValue value = outline.root().first(); value; value = value.next())
    texts.emplace_back(value.text());
  CHECK(texts == std::vector<std::string>{R"({"k":"a"})", "7", R"({"k":"b"})"});
  CHECK(outline.root().first().find("k").string() == "a");
}

TEST_CASE("a string is what it stands for, however it is written") {
  const JsonOutline outline(R"(["plain","\u6267\n\"","half \ud83d",""])");
  JsonValue value = outline.root().first();
  CHECK(value.string() == "plain");
  value = value.next();
  CHECK(value.string() == "执\n\"");
  value = value.next();
  CHECK(value.string() == "half \xEF\xBF\xBD");
  value = value.next();
  CHECK(value.string() == "");
  CHECK_FALSE(outline.root().string());
}

TEST_CASE("of a text that breaks off, what stands before is there") {
  const JsonOutline outline(R"({"data":{"a":1,"b":[2)", {"data"});
  CHECK(outline.problem());
  CHECK_FALSE(outline.root().complete());
  CHECK(outline.root().text().empty());
  CHECK_FALSE(outline.root().find("data"));
  const JsonValue head = outline.root().find_head("data");
  CHECK(head);
  CHECK(head.find("a").text() == "1");
  CHECK_FALSE(head.find("b"));
}

TEST_CASE("of a key that stands twice the last complete value counts") {
  CHECK(JsonOutline(R"({"a":1,"a":2})").root().find("a").text() == "2");
  const JsonOutline cut(R"({"a":1,"a":[2)", {"a"});
  CHECK(cut.root().find("a").text() == "1");
  CHECK(cut.root().find_head("a").kind() == JsonKind::array);
}

TEST_CASE("a problem says where it is and repeats nothing of the text") {
  CHECK(problem_of("") == "it is empty");
  CHECK(problem_of("{\"secret\"") == "it breaks off after byte 9");
  CHECK(problem_of("[1,x]") == "it is no JSON at byte 4");
  CHECK(problem_of(std::string("{}\0", 3)) == "it is no JSON at byte 2");
  CHECK(problem_of("\"\xFF\"") == "it is no JSON at byte 2");
}

TEST_CASE("a text may be as deep as the limit, not one level deeper") {
  CHECK(problem_of(nested(max_json_depth)) == "none");
  CHECK(problem_of(nested(max_json_depth + 1)) == "it is nested deeper than 1000 levels");
}

TEST_CASE("append_quoted() writes what reads back as the same") {
  const std::string content("a\"\\\b\t\n\f\r\0\x1f\x7f/执", 15);
  std::string json;
  append_quoted(json, content);
  CHECK(json == "\"a\\\"\\\\\\b\\t\\n\\f\\r\\u0000\\u001f\x7f/执\"");
  CHECK(JsonOutline(json).root().string() == content);
}
