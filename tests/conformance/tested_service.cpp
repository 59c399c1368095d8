#include "tests/conformance/tested_service.h"

#include <doctest/doctest.h>

namespace kdq::test {

using namespace std::chrono_literals;

Script writing(std::size_t lines) {
  Script script;
  for (std::size_t i = 1; i <= lines; ++i)
    script.lines.push_back({{"line " + std::to_string(i)}});
  return script;
}

Script endless(std::size_t lines) {
  Script script = writing(lines);
  script.then_waits = 1h;
  return script;
}

std::vector<Reply> ServiceUnderTest::replies(std::size_t count) {
  std::vector<Reply> all;
  const SteadyTime bound = clock().steady() + 120s;
  while (all.size() < count && clock().steady() < bound) {
    transport().wait_until(bound);
    for (Reply& reply : transport().take_replies())
      all.push_back(std::move(reply));
  }
  REQUIRE(all.size() == count);
  return all;
}

Delivery ServiceUnderTest::exchange(HttpRequest request) {
  const RequestId id{++last_request_};
  transport().send(id, std::move(request));
  auto reply = std::move(replies(1).front());
  REQUIRE(reply.request == id);
  return std::move(reply.delivery);
}

HttpRequest ServiceUnderTest::start_request(const Script& script, const std::string& name,
                                            const std::string& argv,
                                            const std::string& file) const {
  ClaimedJob job;
  job.file_token = file;
  job.script = script_text(script);
  job.script_name = name;
  job.argv = argv;
  return std::get<HttpRequest>(kdocs_api::run_script(app(), token, job));
}

HttpRequest ServiceUnderTest::ask_request(const TaskId& task) const {
  return kdocs_api::task_status(app(), token, task);
}

ReplyOutcome ServiceUnderTest::judged(Endpoint endpoint, Delivery delivery) const {
  InFlight request;
  request.id = RequestId{last_request_};
  request.intent.endpoint = endpoint;
  request.token = token;
  return judge(std::move(request), std::move(delivery));
}

ReplyOutcome ServiceUnderTest::start(const Script& script, const std::string& name,
                                     const std::string& argv, const std::string& file) {
  return judged(Endpoint::submit, exchange(start_request(script, name, argv, file)));
}

ReplyOutcome ServiceUnderTest::ask(const TaskId& task) {
  return judged(Endpoint::status, exchange(ask_request(task)));
}

TaskId ServiceUnderTest::started(const Script& script, const std::string& name) {
  const ReplyOutcome judgement = start(script, name);
  REQUIRE(word(judgement) == "started");
  return std::get<Started>(judgement.meaning).task;
}

TaskId ServiceUnderTest::ended(const Script& script, const std::string& name) {
  const std::size_t before = seen().ended;
  TaskId task = started(script, name);
  let_pass_until([&] { return seen().ended > before; });
  return task;
}

std::string word(const ReplyOutcome& judgement) {
  if (const auto* reported = std::get_if<Reported>(&judgement.meaning))
    return reported->report.ended ? "end" : "report";
  if (std::holds_alternative<Started>(judgement.meaning))
    return "started";
  if (std::holds_alternative<PutBack>(judgement.meaning))
    return "put back";
  if (std::holds_alternative<NotConfirmed>(judgement.meaning))
    return "unconfirmed";
  return std::holds_alternative<StartFailed>(judgement.meaning) ? "failed" : "no report";
}

std::string word(const Delivery& delivery) {
  if (std::holds_alternative<NotSent>(delivery))
    return "not sent";
  return std::holds_alternative<Unanswered>(delivery) ? "unanswered" : "answered";
}

const kdocs_api::StatusReport& report_in(const ReplyOutcome& judgement) {
  REQUIRE(std::holds_alternative<Reported>(judgement.meaning));
  return std::get<Reported>(judgement.meaning).report;
}

std::vector<std::string> messages(const std::vector<LogLine>& lines) {
  std::vector<std::string> texts;
  for (const LogLine& line : lines)
    texts.push_back(line.message);
  return texts;
}

} // namespace kdq::test
