#include "daemon/config_value.h"

#include "daemon/config.h"

#include <doctest/doctest.h>

#include <functional>

using namespace kdq;

namespace {

std::string complaint(const std::function<void()>& act) {
  try {
    act();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "none";
}

/// What reading the key `k` complains of.
std::string complaint(const std::string& json, const ConfigValue::Handler& read) {
  const auto document = nlohmann::json::parse(R"({"k":)" + json + "}");
  return complaint([&] { ConfigValue(document, "f", "").object({{"k", read}}); });
}

} // namespace

TEST_CASE("values of the right type and range are handed out") {
  const auto document = nlohmann::json::parse(
      R"({"text": "x", "integer": -7, "number": 0.5, "whole": 2, "yes": true})");
  std::string text;
  std::int64_t integer = 0;
  double number = 0;
  double whole = 0;
  bool yes = false;
  ConfigValue(document, "f", "")
      .object({{"text", [&](auto& v) { text = v.text(); }},
               {"integer", [&](auto& v) { integer = v.integer(-7, 0); }},
               {"number", [&](auto& v) { number = v.number(0.5, 1); }},
               {"whole", [&](auto& v) { whole = v.number(0, 2); }},
               {"yes", [&](auto& v) { yes = v.yes_or_no(); }},
               {"absent", [](auto& v) { v.fail("it is not there"); }}});
  CHECK(text == "x");
  CHECK(integer == -7);
  CHECK(number == 0.5);
  CHECK(whole == 2);
  CHECK(yes);
}

TEST_CASE("a wrong value is refused with file, key, what is wanted and what stands there") {
  const auto text = [](auto& v) { v.text(); };
  const auto integer = [](auto& v) { v.integer(0, 9); };
  const auto number = [](auto& v) { v.number(0, 1.5); };
  const auto yes = [](auto& v) { v.yes_or_no(); };
  CHECK(complaint("5", text) == "f: k: must be a text in quotes, not 5");
  CHECK(complaint("[]", text) == "f: k: must be a text in quotes, not a list");
  CHECK(complaint("10", integer) == "f: k: must be a whole number from 0 to 9, not 10");
  CHECK(complaint("-1", integer) == "f: k: must be a whole number from 0 to 9, not -1");
  CHECK(complaint("1.0", integer) == "f: k: must be a whole number from 0 to 9, not 1.0");
  CHECK(complaint("18446744073709551615", integer) ==
        "f: k: must be a whole number from 0 to 9, not 18446744073709551615");
  CHECK(complaint("2", number) == "f: k: must be a number from 0.0 to 1.5, not 2");
  CHECK(complaint("\"1\"", number) == "f: k: must be a number from 0.0 to 1.5, not the text \"1\"");
  CHECK(complaint("null", yes) == "f: k: must be true or false, not null");
  CHECK(complaint("{}", [](auto& v) { v.integer(1, std::numeric_limits<std::int64_t>::max()); }) ==
        "f: k: must be a whole number of 1 or more, not an object");
}

TEST_CASE("a key that is not known is refused, with the nearest one or all") {
  const auto document = nlohmann::json::parse(R"({"a": {"tken": 1}})");
  const auto read = [&](const ConfigValue::Keys& inner) {
    return complaint([&] {
      ConfigValue(document, "f", "").object({{"a", [&](auto& v) { v.object(inner); }}});
    });
  };
  const ConfigValue::Handler ignore = [](auto&) {};
  CHECK(read({{"tier", ignore}, {"token", ignore}}) ==
        "f: a.tken: no such key; did you mean \"token\"?");
  CHECK(read({{"xyz", ignore}, {"uvw", ignore}}) == "f: a.tken: no such key; known here: xyz, uvw");
}

TEST_CASE("entries() takes any names, each with its place") {
  const auto document = nlohmann::json::parse(R"({"apps": {"x": 1, "y": 2}})");
  std::string seen;
  const auto see = [&](const std::string& name, const ConfigValue& value) {
    seen += name + "=" + std::to_string(value.integer(0, 9)) + " ";
    if (name == "y")
      value.fail("enough");
  };
  CHECK(complaint([&] {
          ConfigValue(document, "f", "").object({{"apps", [&](auto& v) { v.entries(see); }}});
        }) == "f: apps.y: enough");
  CHECK(seen == "x=1 y=2 ");
}

TEST_CASE("comments are read over, and a key that stands twice is an error") {
  CHECK(parse_commented_json("{ // one\n \"a\": /* two */ 1 }", "f")["a"] == 1);
  CHECK(complaint([] { parse_commented_json(R"({"a": {"b": 1, "b": 2}})", "f"); }) ==
        "f: the key \"b\" stands twice in the same object; remove one of the two");
  CHECK(complaint([] { parse_commented_json(R"({"a": {"b": 1}, "b": 2})", "f"); }) == "none");
  CHECK(complaint([] {
          parse_commented_json("{\n\"a\" 1}", "f");
        }).starts_with("f: this is not JSON: parse error at line 2, column"));
}

TEST_CASE("nearest() suggests what takes the fewest changes, and nothing that is far off") {
  CHECK(nearest("tokn", {"tier", "token"}) == "token");
  CHECK(nearest("token", {"token_file", "token"}) == "token");
  CHECK(nearest("zzzz", {"tier", "token"}).empty());
  CHECK(nearest("x", {}).empty());
}
