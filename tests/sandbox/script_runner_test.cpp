#include "tests/sandbox/script_runner.h"

#include "tests/sandbox/sheet.h"
#include "tests/sandbox/test_sandbox.h"

#include <condition_variable>
#include <doctest/doctest.h>
#include <vector>

namespace kdq::sandbox {
namespace {

using nlohmann::json;

struct Line {
  std::string level;
  int line;
  json args;
  bool operator==(const Line&) const = default;
};

/// What one script did.
struct Record {
  std::vector<Line> lines;
  std::optional<ScriptEnd> end;
  Sheets sheets;
  std::mutex mutex;
  std::condition_variable changed;
};

class Recorder : public ScriptEvents {
public:
  explicit Recorder(Record& record) : record_(record) {}
  void logged(const std::string& level, int line, json args) override {
    const std::lock_guard lock(record_.mutex);
    record_.lines.push_back({level, line, std::move(args)});
    record_.changed.notify_all();
  }
  json read_cell(const std::string& address) override { return record_.sheets.read("F", address); }
  void write_cell(const std::string& address, json value) override {
    record_.sheets.write("F", address, std::move(value));
  }
  void ended(ScriptEnd end) override {
    const std::lock_guard lock(record_.mutex);
    record_.end = std::move(end);
    record_.changed.notify_all();
  }

private:
  Record& record_;
};

/// Runs `script` to its end.
ScriptEnd run(Record& record, const std::string& script, ScriptLimits limits = {},
              json argv = json::object()) {
  ScriptRunner runner(KDQ_SCRIPT_ENGINE, limits);
  runner.start({script, "test.ks", std::move(argv)}, std::make_unique<Recorder>(record));
  std::unique_lock lock(record.mutex);
  REQUIRE(record.changed.wait_for(lock, std::chrono::minutes(1),
                                  [&] { return record.end.has_value(); }));
  return *record.end;
}

ScriptEnd run(const std::string& script, ScriptLimits limits = {}) {
  Record record;
  return run(record, script, limits);
}

} // namespace

TEST_CASE("log calls arrive in order with level, script line and arguments as JSON") {
  Record record;
  run(record, "console.log('foo')\r\nTime.sleep(1)\nconsole.warn(1, {a: [true, null]}, undefined)\n"
              "console.error();\n\n[7].forEach(function (x) {\n  console.info(x)\n})");
  const std::vector<Line> expected{{"info", 1, json::array({"foo"})},
                                   {"warn", 3, {1, {{"a", {true, nullptr}}}, "undefined"}},
                                   {"error", 4, json::array()},
                                   {"info", 7, json::array({7})}};
  CHECK(record.lines == expected);
}

TEST_CASE("text beyond the basic plane stays valid UTF-8") {
  Record record;
  const ScriptEnd end = run(record, "console.log('😀', '\\ud83d\\ude00', '\\ud83d'); '汉😀'");
  CHECK(record.lines.at(0).args == json{"😀", "😀", "\xEF\xBF\xBD"});
  CHECK(end.result == "汉😀");
}

TEST_CASE("the result is the last expression's value as JSON") {
  CHECK(run("6 * 7").result == 42);
  CHECK(run("'bar'").result == "bar");
  CHECK(run("({a: [1, null]})").result == json{{"a", {1, nullptr}}});
  CHECK(run("null").result == nullptr);
  CHECK(run("var x = 1;").result == "[Undefined]");
  CHECK(run("(function () {})").result == "[Undefined]");
  CHECK(run("var c = {}; c.c = c; c").result == "[object Object]");
}

TEST_CASE("a script reads the arguments it was given") {
  Record record;
  const json argv{{"name", "汉"}, {"list", {1, 2}}};
  const ScriptEnd end =
      run(record, "[Arguments.get('name'), Arguments.get('list'), Arguments.get('toString')]", {},
          argv);
  CHECK(end.result == json{"汉", {1, 2}, nullptr});
}

TEST_CASE("a script reads and writes cells of its file") {
  Record record;
  record.sheets.write("F", "A1", "bar");
  const ScriptEnd end = run(record, "Application.Range('B2').Value = 2.5;"
                                    "Application.ActiveSheet.Range('$b$3').Value2 = 'x';"
                                    "Range('C1').Text = 'y';"
                                    "[Application.Range('a1').Text, Application.Range('B2').Value,"
                                    " Application.Range('B2').Text, Range('Z9').Value2,"
                                    " Range('Z9').Text]");
  CHECK(end.error == "");
  CHECK(end.result == json{"bar", 2.5, "2.5", nullptr, ""});
  CHECK(record.sheets.read("F", "B3") == "x");
  CHECK(record.sheets.read("F", "C1") == "y");
}

TEST_CASE("an error of the script ends it with the engine's words and the failing line") {
  const auto check = [](const char* script, const char* error, int line) {
    CAPTURE(script);
    const ScriptEnd end = run(script);
    CHECK(end.error == error);
    CHECK(end.error_line == line);
    CHECK(end.result == "");
  };
  check("var a\r\nx + 1", "ReferenceError: identifier 'x' undefined", 2);
  check("\nfunction f() {\n  throw new Error('no')\n}\nf()", "Error: no", 3);
  check("try { y } catch (e) {}\n\nthrow 'text'", "text", 3);
  check("var a\nvar b = ;", "SyntaxError: empty expression not allowed (line 2, end of input)", 2);
  check("1\nTime.sleep('x')", "TypeError: Time.sleep: not a time in ms", 2);
  check("1\n2\nRange('A1:B2').Text", "RangeError: Range: \"A1:B2\" is not the address of one cell",
        3);
}

TEST_CASE("a script that never ends by itself is ended at the run time limit") {
  ScriptLimits limits;
  limits.run_time = std::chrono::milliseconds(300);
  const char* sentence = "the script ran longer than the limit of 0.3 s and was ended";
  CHECK(run("while (true) {}", limits).error == sentence);
  CHECK(run("while (true) try { while (true) {} } catch (e) {}", limits).error == sentence);
  CHECK(run("Time.sleep(1e8)", limits).error == sentence);
}

TEST_CASE("a script that wants too much memory ends with an error that names the limit") {
  ScriptLimits limits;
  limits.memory_bytes = 4U << 20U;
  const std::string limit = "the memory limit of 4096 KiB was reached";
  CHECK(run("var s = 'x'; while (true) s += s", limits).error.find(limit) != std::string::npos);
  CHECK(run("var a = []; while (true) a.push({})", limits).error.find(limit) != std::string::npos);
  CHECK(run("var a = 1; a", limits).result == 1);
}

TEST_CASE("a script that logs without end is ended at the output limit") {
  ScriptLimits limits;
  limits.output_bytes = 1U << 20U;
  CHECK(run("while (true) console.log('0123456789')", limits).error ==
        "the script's log lines exceeded the limit of 1024 KiB and it was ended");
}

TEST_CASE("endless recursion is an error of the script") {
  CHECK(run("function f() { f() }\nf()").error == "RangeError: callstack limit");
}

TEST_CASE("an engine that cannot be started is an error of the script") {
  Record record;
  ScriptRunner runner("/nonexistent/engine", {});
  runner.start({"1", "test.ks", json::object()}, std::make_unique<Recorder>(record));
  wait_until([&] {
    const std::lock_guard lock(record.mutex);
    return record.end.has_value();
  });
  CHECK(record.end->error.find("/nonexistent/engine") != std::string::npos);
}

TEST_CASE("a stop ends sleeping scripts without reporting an end") {
  Record record;
  ScriptRunner runner(KDQ_SCRIPT_ENGINE, {});
  runner.start({"console.log(1); Time.sleep(1e8)", "test.ks", json::object()},
               std::make_unique<Recorder>(record));
  wait_until([&] {
    const std::lock_guard lock(record.mutex);
    return record.lines.size() == 1;
  });
  runner.stop();
  CHECK_FALSE(record.end.has_value());
}

TEST_CASE("scripts see nothing of each other") {
  CHECK(run("leak = 1; console = null; JSON = null").error == "");
  CHECK(run("typeof leak").result == "undefined");
}

} // namespace kdq::sandbox
