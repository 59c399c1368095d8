// poller/api/README.md, section 1: running a script.
#include "tests/conformance/implementations.h"

using namespace kdq;
using namespace kdq::test;
using nlohmann::json;

TEST_CASE_TEMPLATE("a started script has a task id, wherever the reply has it", Service,
                   FakeService, SandboxService) {
  for (const bool in_data : {true, false})
    for (const char* key : {"task_id", "taskId"}) {
      CAPTURE(in_data);
      CAPTURE(key);
      ServiceSetup setup;
      setup.task_id_in_data = in_data;
      setup.task_id_key = key;
      Service service(setup);
      const ReplyOutcome judgement = service.start(writing(1));
      CHECK(word(judgement) == "started");
      CHECK(judgement.end.outcome == RequestOutcome::accepted);
      CHECK(judgement.end.http_status == 200);
      CHECK(judgement.end.sent());
      REQUIRE(std::holds_alternative<Started>(judgement.meaning));
      CHECK(word(service.ask(std::get<Started>(judgement.meaning).task)) != "no report");
      CHECK(service.seen().submits == 1);
      CHECK(service.seen().started.size() == 1);
    }
}

TEST_CASE_TEMPLATE("file, name, arguments and script arrive as the job has them", Service,
                   FakeService, SandboxService) {
  Service service;
  Script script;
  script.lines = {{{"\"quotes\" \\ \n newline 中文 😀 </script> %41"}}};
  const std::string file = "G_x/ü ?&#+%41";
  const std::string argv = R"({"名":"值","n":[1,2.5,null,true],"deep":{"a":{}}})";
  REQUIRE(word(service.start(script, "na me", argv, file)) == "started");
  REQUIRE(word(service.start(script, "", "", "FILE")) == "started");
  auto started = service.seen().started;
  REQUIRE(started.size() == 2);
  if (started.front().file == "FILE")
    std::swap(started.front(), started.back());
  CHECK(started.front() ==
        Seen::Order{file, "na me", service.script_text(script), json::parse(argv)});
  CHECK(started.back() == Seen::Order{"FILE", "", service.script_text(script), json()});
}

TEST_CASE_TEMPLATE("every start runs the script once more: there is no idempotency key", Service,
                   FakeService, SandboxService) {
  Service service;
  const TaskId first = service.started(writing(1));
  const TaskId second = service.started(writing(1));
  CHECK(first != second);
  CHECK(service.seen().started.size() == 2);
}

TEST_CASE_TEMPLATE("a wrong address of the start is HTTP 404 and starts nothing", Service,
                   FakeService, SandboxService) {
  Service service;
  HttpRequest request = service.start_request(writing(1));
  const auto path = request.url.find("/api/v1/");
  request.url.insert(path + 4, "/v0");
  const ReplyOutcome judgement = service.judged(Endpoint::submit, service.exchange(request));
  CHECK(word(judgement) == "failed");
  CHECK(judgement.end.http_status == 404);
  CHECK(service.seen().submits == 0);
  CHECK(service.seen().started.empty());
  CHECK(service.seen().paths_not_found == 1);
}

TEST_CASE_TEMPLATE("many requests at once yield exactly one reply each", Service, FakeService,
                   SandboxService) {
  Service service;
  const TaskId task = service.ended(writing(3));
  constexpr std::uint64_t count = 100;
  for (std::uint64_t i = 0; i < count; ++i)
    service.transport().send(RequestId{1000 + i}, service.ask_request(task));
  std::vector<std::uint64_t> seen;
  std::size_t lines = 0;
  for (Reply& reply : service.replies(count)) {
    seen.push_back(reply.request.value);
    const ReplyOutcome judgement = service.judged(Endpoint::status, std::move(reply.delivery));
    CHECK(word(judgement) == "end");
    lines += judgement.lines.size();
  }
  std::sort(seen.begin(), seen.end());
  for (std::uint64_t i = 0; i < count; ++i)
    CHECK(seen[static_cast<std::size_t>(i)] == 1000 + i);
  CHECK(lines == 5); // together they got each line once
  CHECK(service.transport().take_replies().empty());
  CHECK(service.seen().asks == count);
}
