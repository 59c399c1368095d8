// poller/api/README.md, section 2: asking how it goes, which destroys what it returns.
#include "tests/conformance/implementations.h"

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

const std::string opening = "已开始执行";
const std::string closing = "执行完毕";

/// The request with the task id's text in the address replaced.
HttpRequest with_id(HttpRequest request, const std::string& text) {
  request.url.erase(request.url.find("task_id=") + 8);
  request.url += text;
  return request;
}

std::string decoded_once(std::string text) {
  for (const auto& [code, plain] : {std::pair{"%2F", "/"}, {"%2B", "+"}, {"%3D", "="}})
    for (auto at = text.find(code); at != std::string::npos; at = text.find(code))
      text.replace(at, 3, plain);
  return text;
}

} // namespace

TEST_CASE_TEMPLATE("the task id comes percent-encoded and is sent encoded once more", Service,
                   FakeService, SandboxService) {
  Service service;
  const TaskId task = service.ended(writing(2));
  CHECK(task.value.find("%2F") != std::string::npos);
  CHECK(task.value.find("%3D") != std::string::npos);
  const HttpRequest right = service.ask_request(task);
  CHECK(right.url.find("%252F") != std::string::npos);

  // Neither as received, nor decoded first, does the service know it, and nothing is destroyed.
  for (const std::string& wrong : {task.value, decoded_once(task.value)}) {
    const ReplyOutcome judgement =
        service.judged(Endpoint::status, service.exchange(with_id(right, wrong)));
    CHECK(word(judgement) == "no report");
    REQUIRE(judgement.refusal);
    CHECK(judgement.refusal->code == 10001);
  }
  CHECK(service.seen().wrong_encodings == 2);
  CHECK(service.seen().handed_out == 0);
  CHECK(word(service.ask(task)) == "end");
  CHECK(service.seen().wrong_encodings == 2);
  CHECK(service.seen().handed_out == 4);
}

TEST_CASE_TEMPLATE("a report is read in both shapes, running and ended, with both words of the end",
                   Service, FakeService, SandboxService) {
  for (const bool wrapped : {true, false})
    for (const char* ended_word : {"finish", "finished"}) {
      CAPTURE(wrapped);
      CAPTURE(ended_word);
      ServiceSetup setup;
      setup.wrapped = wrapped;
      setup.ended_word = ended_word;
      Service service(setup);
      const TaskId endless_task = service.started(endless(1));
      service.let_pass_until([&] { return service.seen().produced == 2; });
      const ReplyOutcome running = service.ask(endless_task);
      CHECK(word(running) == "report");
      CHECK(report_in(running).status == "running");
      CHECK(report_in(running).error.empty());
      CHECK(report_in(running).result == "\"\"");
      CHECK(messages(running.lines) == std::vector<std::string>{opening, "line 1"});

      Script script = writing(1);
      script.result = 5;
      const ReplyOutcome end = service.ask(service.ended(script));
      CHECK(word(end) == "end");
      CHECK(end.end.outcome == RequestOutcome::report);
      CHECK(report_in(end).status == ended_word);
      CHECK(report_in(end).error.empty());
      CHECK(report_in(end).result == "5");
      CHECK(messages(end.lines) == std::vector<std::string>{opening, "line 1", closing});
      CHECK(running.gap.empty());
      CHECK(end.gap.empty());
    }
}

TEST_CASE_TEMPLATE("no lines are an empty list, null or nothing at all", Service, FakeService,
                   SandboxService) {
  for (const bool wrapped : {true, false})
    for (const char* no_logs : {"array", "null", "missing"}) {
      CAPTURE(wrapped);
      CAPTURE(no_logs);
      ServiceSetup setup;
      setup.wrapped = wrapped;
      setup.no_logs = no_logs;
      Service service(setup);
      const TaskId task = service.ended(writing(0));
      CHECK(service.ask(task).lines.size() == 2);
      const ReplyOutcome again = service.ask(task);
      CHECK(word(again) == "end");
      CHECK(again.lines.empty());
      CHECK(again.gap.empty());
      const std::string& body = again.end.body;
      CHECK((body.find("\"logs\":[]") != std::string::npos) == (setup.no_logs == "array"));
      CHECK((body.find("\"logs\":null") != std::string::npos) == (setup.no_logs == "null"));
      CHECK((body.find("\"logs\"") == std::string::npos) == (setup.no_logs == "missing"));
    }
}

TEST_CASE_TEMPLATE("a line that was returned once is never returned again, and none is skipped",
                   Service, FakeService, SandboxService) {
  Service service;
  Script script = writing(2);
  script.then_waits = 100ms;
  script.last_lines = {{{"late 1"}}, {{"late 2"}}};
  const TaskId task = service.started(script);
  std::vector<std::string> all;
  service.let_pass_until([&] { return service.seen().produced >= 3; });
  for (bool ended = false; !ended;) {
    const ReplyOutcome judgement = service.ask(task);
    const auto lines = messages(judgement.lines);
    all.insert(all.end(), lines.begin(), lines.end());
    ended = word(judgement) == "end";
    if (!ended)
      service.let_pass_until([&] { return service.seen().ended == 1; });
  }
  CHECK(all == std::vector<std::string>{opening, "line 1", "line 2", "late 1", "late 2", closing});
  CHECK(service.seen().handed_out == 6);

  const ReplyOutcome again = service.ask(task);
  CHECK(word(again) == "end");
  CHECK(report_in(again).result == "\"[Undefined]\"");
  CHECK(again.lines.empty());
  CHECK(service.seen().handed_out == 6);
}

TEST_CASE_TEMPLATE("the system's lines open every log and close that of a success", Service,
                   FakeService, SandboxService) {
  Service service;
  const ReplyOutcome success = service.ask(service.ended(writing(1)));
  REQUIRE(success.lines.size() == 3);
  for (const LogLine* line : {&success.lines.front(), &success.lines.back()})
    CHECK(line->filename == "system");
  CHECK(success.lines.front().message == opening);
  CHECK(success.lines.back().message == closing);

  Script script = writing(1);
  script.error = "no such cell";
  const ReplyOutcome failure = service.ask(service.ended(script));
  CHECK(word(failure) == "end");
  CHECK(report_in(failure).status == "finish");
  CHECK(report_in(failure).error.find("no such cell") != std::string::npos);
  REQUIRE(failure.lines.size() >= 2);
  CHECK(failure.lines.front().message == opening);
  CHECK(failure.lines[1].message == "line 1");
  CHECK(failure.lines.back().message != closing);
}

TEST_CASE_TEMPLATE("the value of the last expression comes back as JSON", Service, FakeService,
                   SandboxService) {
  Service service;
  for (const json& value :
       {json("bar"), json(""), json("中文 \"q\""), json(0), json(-1.5), json(true), json(),
        json::array(), json::array({1, "a", json::array({2}), nullptr}),
        json{{"a", {{"b", json::array({1, 2})}}}}}) {
    CAPTURE(value.dump());
    Script script;
    script.result = value;
    const ReplyOutcome judgement = service.ask(service.ended(script));
    CHECK(json::parse(report_in(judgement).result) == value);
  }
  CHECK(report_in(service.ask(service.ended(Script{}))).result == "\"[Undefined]\"");
}

TEST_CASE_TEMPLATE("a line has its arguments, level and place", Service, FakeService,
                   SandboxService) {
  Service service;
  Script script;
  script.lines = {{json::array({"a", 1, true, nullptr}), "info"},
                  {json::array({json{{"k", json::array({"v"})}}}), "warn"},
                  {json::array({"e"}), "error"}};
  const auto named = service.ask(service.ended(script, "test")).lines;
  REQUIRE(named.size() == 5);
  CHECK(json::parse(named[1].args) == script.lines[0].args);
  CHECK(named[1].message == "a 1 true null");
  CHECK(named[1].level == "info");
  CHECK(json::parse(named[2].args) == script.lines[1].args);
  CHECK(named[2].level == "warn");
  CHECK(named[3].level == "error");
  CHECK(named[1].filename == "test.ks:1:1");
  CHECK(named[3].filename == "test.ks:3:1");
  const auto anonymous = service.ask(service.ended(script, "")).lines;
  REQUIRE(anonymous.size() == 5);
  CHECK(anonymous[1].filename == "anonymous");
}

TEST_CASE_TEMPLATE("a line's time is kept as received, in seconds or milliseconds", Service,
                   FakeService, SandboxService) {
  for (const bool in_ms : {false, true}) {
    CAPTURE(in_ms);
    ServiceSetup setup;
    setup.unix_time_in_ms = in_ms;
    Service service(setup);
    const auto lines = service.ask(service.ended(writing(1))).lines;
    REQUIRE(lines.size() == 3);
    for (const LogLine& line : lines) {
      REQUIRE(std::holds_alternative<std::int64_t>(line.unix_time));
      CHECK((std::get<std::int64_t>(line.unix_time) > 100'000'000'000) == in_ms);
      CHECK(line.timestamp.size() == 12);
      CHECK(line.timestamp[2] == ':');
      CHECK(line.timestamp[8] == '.');
    }
  }
}

TEST_CASE_TEMPLATE("an unknown word is not an end, and its lines count", Service, FakeService,
                   SandboxService) {
  ServiceSetup setup;
  setup.running_word = "paused";
  Service service(setup);
  const TaskId task = service.started(endless(1));
  service.let_pass_until([&] { return service.seen().produced == 2; });
  const ReplyOutcome judgement = service.ask(task);
  CHECK(word(judgement) == "report");
  CHECK(report_in(judgement).status == "paused");
  CHECK(judgement.lines.size() == 2);
  CHECK(judgement.gap.empty());
}

TEST_CASE_TEMPLATE(
    "if the reply with the end is lost, a later one still says it, without its lines", Service,
    FakeService, SandboxService) {
  Service service;
  Script script = writing(2);
  script.result = "kept";
  const TaskId task = service.ended(script);
  service.strike({Strike::Kind::drop_after, Endpoint::status});
  CHECK(word(service.ask(task)) == "no report");
  CHECK(service.seen().handed_out == 4);
  const ReplyOutcome later = service.ask(task);
  CHECK(word(later) == "end");
  CHECK(report_in(later).result == "\"kept\"");
  CHECK(later.lines.empty());
}

TEST_CASE_TEMPLATE("a wrong status path is HTTP 404, says so, and destroys nothing", Service,
                   FakeService, SandboxService) {
  Service service;
  const TaskId task = service.ended(writing(1));
  AppSettings app = service.app();
  app.status_path = "/api/v1/openapi/personal/personal/script/status"; // as the page's table has it
  const ReplyOutcome judgement = service.judged(
      Endpoint::status, service.exchange(kdocs_api::task_status(app, service.token, task)));
  CHECK(word(judgement) == "no report");
  REQUIRE(judgement.refusal);
  CHECK(judgement.refusal->http_status == 404);
  CHECK(judgement.refusal->error_class == kdocs_api::ErrorClass::blocked);
  CHECK(judgement.refusal->sentence.find("status_path") != std::string::npos);
  CHECK(judgement.gap.empty());
  CHECK(service.seen().paths_not_found == 1);
  CHECK(service.seen().asks == 0);
  CHECK(service.seen().handed_out == 0);
}
