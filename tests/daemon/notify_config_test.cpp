#include "daemon/notify_config.h"

#include "daemon/config.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

std::vector<NotifyRule> loaded(const std::string& rules) {
  const TempDir dir;
  const auto file =
      dir.file("c.json", R"({"database": "/q.db", "apps": {"a": {}}, "notify": )" + rules + "}");
  return load_config(file, {}).engine.notify;
}

std::string refusal(const std::string& rules) {
  try {
    loaded(rules);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

} // namespace

TEST_CASE("rules are read, a command as the table keeps it") {
  const auto rules = loaded(R"([
    {"on": ["failed", "timed_out", "unconfirmed"], "app": "a", "command": ["/bin/x", "-a", "\"中"],
     "timeout_s": 600},
    {"on": ["blocked", "health"], "command": ["/bin/y"]}])");
  REQUIRE(rules.size() == 2);
  CHECK(rules[0].on.size() == 3);
  CHECK(rules[0].on.contains("timed_out"));
  CHECK(rules[0].app == "a");
  CHECK(rules[0].command == R"(["/bin/x","-a","\"中"])");
  CHECK(rules[0].timeout == 600s);
  CHECK(rules[1].on.contains("health"));
  CHECK(rules[1].app == "");
  CHECK(rules[1].timeout == 30s);
  CHECK(loaded("[]").empty());
}

TEST_CASE("a mistake in a rule is refused with its place") {
  struct Row {
    const char* rules;
    const char* sentence;
  };
  for (const Row& row : {
           Row{R"({"on": ["failed"]})", "notify: must be a list in brackets, not an object"},
           Row{R"([1])", "notify[0]: must be an object in braces, not 1"},
           Row{R"([{"on": ["failed"], "comand": ["/x"]}])",
               "notify[0].comand: no such key; did you mean \"command\"?"},
           Row{R"([{"command": ["/x"]}])", "notify[0]: needs \"on\""},
           Row{R"([{"on": [], "command": ["/x"]}])", "notify[0].on: must name an event"},
           Row{R"([{"on": ["failed", "succeeded"], "command": ["/x"]}])",
               "notify[0].on[1]: must be failed, timed_out, unconfirmed, blocked or health, not "
               "\"succeeded\""},
           Row{R"([{"on": "failed", "command": ["/x"]}])",
               "notify[0].on: must be a list in brackets, not the text \"failed\""},
           Row{R"([{"on": ["failed"]}])", "notify[0]: needs \"command\""},
           Row{R"([{"on": ["failed"], "command": []}])", "notify[0].command: must name a program"},
           Row{R"([{"on": ["failed"], "command": ["curl"]}])",
               "notify[0].command[0]: must be the full path of a program"},
           Row{R"([{"on": ["failed"], "command": ["/x", 1]}])",
               "notify[0].command[1]: must be a text in quotes, not 1"},
           Row{R"([{"on": ["failed"], "command": ["/x", "a\u0000b"]}])",
               "notify[0].command[1]: must have no NUL character"},
           Row{R"([{"on": ["failed"], "command": ["/x"], "timeout_s": 601}])",
               "notify[0].timeout_s: must be a whole number from 1 to 600, not 601"},
           Row{R"([{"on": ["failed"], "command": ["/x"], "app": "b"}])",
               "notify: a rule is for the app \"b\", which is not configured"},
       }) {
    CAPTURE(row.rules);
    const std::string said = refusal(row.rules);
    CHECK_MESSAGE(contains(said, row.sentence), said);
  }
}
