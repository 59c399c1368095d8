// What goes wrong on the way: what the transport must say, what the engine makes of it, and how
// often the service saw the request.
#include "tests/conformance/implementations.h"

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;
using Kind = Strike::Kind;

namespace {

struct FaultRow {
  Kind kind;
  const char* delivery;
  bool acts;
  const char* after_start;
  const char* outcome_of_status;
  std::size_t least_lines; ///< of 12 that a status request must save
  std::size_t most_lines;
};

const FaultRow fault_rows[] = {
    {Kind::drop_before, "unanswered", false, "unconfirmed", "unanswered", 0, 0},
    {Kind::drop_after, "unanswered", true, "unconfirmed", "unanswered", 0, 0},
    {Kind::truncate, "unanswered", true, "unconfirmed", "unanswered", 1, 11},
    {Kind::garbage, "answered", true, "unconfirmed", "damaged", 0, 0},
    {Kind::oversize, "unanswered", true, "unconfirmed", "unanswered", 12, 12},
};

const std::vector<std::string> twelve_lines = [] {
  std::vector<std::string> lines{"已开始执行"};
  for (int i = 1; i <= 10; ++i)
    lines.push_back("line " + std::to_string(i));
  lines.push_back("执行完毕");
  return lines;
}();

} // namespace

TEST_CASE_TEMPLATE("a start that is spoilt is never taken for a refusal, and was seen once",
                   Service, FakeService, SandboxService) {
  for (const FaultRow& row : fault_rows) {
    CAPTURE(static_cast<int>(row.kind));
    Service service;
    service.strike({row.kind, Endpoint::submit});
    const Delivery delivery = service.exchange(service.start_request(writing(1)));
    CHECK(word(delivery) == row.delivery);
    const ReplyOutcome judgement = service.judged(Endpoint::submit, delivery);
    CHECK(word(judgement) == row.after_start);
    CHECK(judgement.end.sent());
    service.let_pass_until([&] { return service.seen().submits == 1; });
    CHECK(service.seen().started.size() == (row.acts ? 1 : 0));
    // Whatever happened to the one, the next is served as if nothing had been.
    CHECK(word(service.start(writing(1))) == "started");
    CHECK(service.seen().submits == 2);
  }
}

TEST_CASE_TEMPLATE("a status reply that is spoilt saves its whole lines and leaves a gap", Service,
                   FakeService, SandboxService) {
  for (const bool wrapped : {true, false})
    for (const FaultRow& row : fault_rows) {
      CAPTURE(wrapped);
      CAPTURE(static_cast<int>(row.kind));
      ServiceSetup setup;
      setup.wrapped = wrapped;
      Service service(setup);
      const TaskId task = service.ended(writing(10));
      service.strike({row.kind, Endpoint::status});
      const Delivery delivery = service.exchange(service.ask_request(task));
      CHECK(word(delivery) == row.delivery);
      const ReplyOutcome judgement = service.judged(Endpoint::status, delivery);
      CHECK(word(judgement) == "no report");
      CHECK(to_text(judgement.end.outcome) == row.outcome_of_status);
      CHECK_FALSE(judgement.gap.empty());
      CHECK(judgement.end.sent());
      const auto saved = messages(judgement.lines);
      CHECK(saved.size() >= row.least_lines);
      CHECK(saved.size() <= row.most_lines);
      CHECK(std::equal(saved.begin(), saved.end(), twelve_lines.begin()));
      CHECK(service.seen().asks == 1);
      CHECK(service.seen().handed_out == (row.acts ? 12 : 0));

      const ReplyOutcome next = service.ask(task);
      CHECK(word(next) == "end");
      CHECK(messages(next.lines) == (row.acts ? std::vector<std::string>{} : twelve_lines));
      CHECK(service.seen().asks == 2);
    }
}

TEST_CASE_TEMPLATE("a reply that is cut off is kept as far as it came", Service, FakeService,
                   SandboxService) {
  Service service;
  const TaskId task = service.ended(writing(10));
  service.strike({Kind::truncate, Endpoint::status});
  const Delivery cut = service.exchange(service.ask_request(task));
  REQUIRE(std::holds_alternative<Unanswered>(cut));
  CHECK(std::get<Unanswered>(cut).http_status == 200);
  CHECK(std::get<Unanswered>(cut).partial_body.size() > 100);
  const ReplyOutcome judgement = service.judged(Endpoint::status, cut);
  CHECK(judgement.end.http_status == 200);
  CHECK(judgement.end.body == std::get<Unanswered>(cut).partial_body);

  service.strike({Kind::drop_after, Endpoint::status});
  const Delivery nothing = service.exchange(service.ask_request(task));
  REQUIRE(std::holds_alternative<Unanswered>(nothing));
  CHECK(std::get<Unanswered>(nothing).http_status == 0);
  CHECK(std::get<Unanswered>(nothing).partial_body.empty());
}

TEST_CASE_TEMPLATE("a reply over 16 MiB is unanswered and its first 16 MiB are kept", Service,
                   FakeService, SandboxService) {
  Service service;
  const TaskId task = service.ended(writing(1));
  service.strike({Kind::oversize, Endpoint::status});
  const Delivery delivery = service.exchange(service.ask_request(task));
  REQUIRE(std::holds_alternative<Unanswered>(delivery));
  CHECK(std::get<Unanswered>(delivery).http_status == 200);
  CHECK(std::get<Unanswered>(delivery).partial_body.size() == std::size_t{16} * 1024 * 1024);
}

TEST_CASE_TEMPLATE("a request on a kept-alive connection that dies after the service acted is not "
                   "sent again",
                   Service, FakeService, SandboxService) {
  // libcurl would repeat it on a fresh connection and report success (poller/api/README.md, section
  // 7).
  Service service;
  const TaskId task = service.ended(writing(3));
  SUBCASE("GET") {
    service.strike({Kind::close_after_next, Endpoint::status});
    CHECK(word(service.ask(TaskId{"unknown"})) == "no report");
    const Delivery delivery = service.exchange(service.ask_request(task));
    CHECK(word(delivery) == "unanswered");
    const ReplyOutcome judgement = service.judged(Endpoint::status, delivery);
    CHECK_FALSE(judgement.gap.empty());
    CHECK(service.seen().asks == 2);
    CHECK(service.seen().handed_out == 5);
    CHECK(service.ask(task).lines.empty());
    CHECK(service.seen().asks == 3);
  }
  SUBCASE("POST") {
    service.strike({Kind::close_after_next, Endpoint::status});
    CHECK(word(service.ask(TaskId{"unknown"})) == "no report");
    const Delivery delivery = service.exchange(service.start_request(writing(1)));
    CHECK(word(delivery) == "unanswered");
    CHECK(word(service.judged(Endpoint::submit, delivery)) == "unconfirmed");
    CHECK(service.seen().submits == 2);
    CHECK(service.seen().started.size() == 2);
  }
  SUBCASE("POST after POST") {
    service.strike({Kind::close_after_next, Endpoint::submit});
    CHECK(word(service.start(writing(1))) == "started");
    const Delivery delivery = service.exchange(service.start_request(writing(1)));
    CHECK(word(delivery) == "unanswered");
    CHECK(service.seen().submits == 3);
    CHECK(service.seen().started.size() == 3);
  }
}

TEST_CASE_TEMPLATE("a late reply within the time limit is an answer", Service, FakeService,
                   SandboxService) {
  Service service;
  const TaskId task = service.ended(writing(1));
  for (const Kind kind : {Kind::delay, Kind::delay_after}) {
    service.strike({kind, Endpoint::status, 30ms});
    CHECK(word(service.ask(task)) == "end");
    service.strike({kind, Endpoint::submit, 30ms});
    CHECK(word(service.start(writing(1))) == "started");
  }
  CHECK(service.seen().asks == 2);
  CHECK(service.seen().submits == 3);
}

TEST_CASE_TEMPLATE("a request without a reply within the time limit is unanswered and seen once",
                   Service, FakeService, SandboxService) {
  ServiceSetup setup;
  setup.time_limit = 3s;
  Service service(setup);
  const TaskId task = service.ended(writing(1));
  SUBCASE("the service has not acted, and still may") {
    service.strike({Kind::delay, Endpoint::status, 24h});
    CHECK(word(service.exchange(service.ask_request(task))) == "unanswered");
    service.strike({Kind::delay, Endpoint::submit, 24h});
    CHECK(word(service.exchange(service.start_request(writing(1)))) == "unanswered");
    CHECK(service.seen().asks <= 1); // it may be on its way to the service still
    CHECK(service.seen().submits <= 2);
    CHECK(service.seen().handed_out == 0);
    CHECK(service.seen().started.size() == 1);
  }
  SUBCASE("the service has acted") {
    service.strike({Kind::delay_after, Endpoint::status, 24h});
    const Delivery ask = service.exchange(service.ask_request(task));
    CHECK(word(ask) == "unanswered");
    CHECK_FALSE(service.judged(Endpoint::status, ask).gap.empty());
    service.strike({Kind::delay_after, Endpoint::submit, 24h});
    const Delivery start = service.exchange(service.start_request(writing(1)));
    CHECK(word(start) == "unanswered");
    CHECK(word(service.judged(Endpoint::submit, start)) == "unconfirmed");
    service.let_pass_until(
        [&] { return service.seen().handed_out == 3 && service.seen().started.size() == 2; });
    CHECK(service.seen().asks == 1);
    CHECK(service.seen().submits == 2);
  }
  SUBCASE("the service acts when the client has long gone") {
    service.strike({Kind::delay, Endpoint::status, 4500ms});
    CHECK(word(service.exchange(service.ask_request(task))) == "unanswered");
    service.strike({Kind::delay, Endpoint::submit, 4500ms});
    CHECK(word(service.exchange(service.start_request(writing(1)))) == "unanswered");
    service.let_pass_until(
        [&] { return service.seen().handed_out == 3 && service.seen().started.size() == 2; });
    CHECK(service.seen().asks == 1);
    CHECK(service.seen().submits == 2);
  }
}

TEST_CASE_TEMPLATE("where nobody listens nothing is sent, spent or lost", Service, FakeService,
                   SandboxService) {
  Service service;
  service.vanish();
  const Delivery start = service.exchange(service.start_request(writing(1)));
  CHECK(word(start) == "not sent");
  const ReplyOutcome put_back = service.judged(Endpoint::submit, start);
  CHECK(word(put_back) == "put back");
  CHECK_FALSE(put_back.end.sent());
  const Delivery ask = service.exchange(service.ask_request(TaskId{"any"}));
  CHECK(word(ask) == "not sent");
  const ReplyOutcome no_report = service.judged(Endpoint::status, ask);
  CHECK(word(no_report) == "no report");
  CHECK_FALSE(no_report.end.sent());
  CHECK(no_report.gap.empty());
}
