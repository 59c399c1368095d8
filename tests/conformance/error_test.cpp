// poller/api/README.md, section 3: refusals.
#include "tests/conformance/implementations.h"

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;
using kdocs_api::ErrorClass;

namespace {

struct CodeRow {
  std::int64_t code;
  const char* after_start; ///< what becomes of the start
  ErrorClass on_status;
};

const CodeRow code_rows[] = {
    {-1, "unconfirmed", ErrorClass::retry},    {10001, "failed", ErrorClass::task_gone},
    {10002, "unconfirmed", ErrorClass::retry}, {10003, "put back", ErrorClass::blocked},
    {20002, "put back", ErrorClass::blocked},  {20003, "put back", ErrorClass::blocked},
    {20004, "put back", ErrorClass::blocked},  {20005, "put back", ErrorClass::blocked},
    {20006, "put back", ErrorClass::blocked},  {20007, "put back", ErrorClass::token},
    {30001, "put back", ErrorClass::token},    {30002, "put back", ErrorClass::pause},
    {30003, "put back", ErrorClass::blocked},  {30004, "unconfirmed", ErrorClass::retry},
    {30005, "put back", ErrorClass::blocked},  {30006, "failed", ErrorClass::job_fails},
    {30007, "put back", ErrorClass::blocked},  {30008, "failed", ErrorClass::job_fails},
    {30009, "failed", ErrorClass::job_fails},  {30010, "put back", ErrorClass::later},
    {30011, "failed", ErrorClass::job_fails},  {30012, "failed", ErrorClass::job_fails},
    {30014, "failed", ErrorClass::job_fails},  {30015, "failed", ErrorClass::job_fails},
    {30016, "failed", ErrorClass::job_fails},  {40008, "put back", ErrorClass::later},
};

struct HttpRow {
  int status;
  const char* after_start;
  ErrorClass on_status;
  bool gap; ///< whether lines may have been taken all the same
};

const HttpRow http_rows[] = {
    {302, "put back", ErrorClass::blocked, false}, {401, "put back", ErrorClass::token, false},
    {403, "put back", ErrorClass::blocked, false}, {404, "failed", ErrorClass::blocked, false},
    {429, "put back", ErrorClass::pause, false},   {500, "unconfirmed", ErrorClass::retry, true},
    {502, "unconfirmed", ErrorClass::retry, true}, {503, "put back", ErrorClass::retry, true},
    {504, "unconfirmed", ErrorClass::retry, true},
};

Strike code_strike(Endpoint endpoint, std::int64_t code, int http_status) {
  Strike strike{Strike::Kind::code, endpoint};
  strike.code = code;
  strike.http_status = http_status;
  return strike;
}

Strike status_strike(Endpoint endpoint, int http_status) {
  Strike strike{Strike::Kind::status, endpoint};
  strike.http_status = http_status;
  return strike;
}

} // namespace

TEST_CASE_TEMPLATE(
    "every code of the table is judged by the code, whatever HTTP status comes with it", Service,
    FakeService, SandboxService) {
  Service service;
  const TaskId task = service.started(endless(1));
  service.let_pass_until([&] { return service.seen().produced == 2; });
  for (const int http_status : {200, 401, 500})
    for (const CodeRow& row : code_rows) {
      CAPTURE(http_status);
      CAPTURE(row.code);
      service.strike(code_strike(Endpoint::submit, row.code, http_status));
      const ReplyOutcome start = service.start(writing(1));
      CHECK(word(start) == row.after_start);
      CHECK(start.end.http_status == http_status);
      service.strike(code_strike(Endpoint::status, row.code, http_status));
      const ReplyOutcome ask = service.ask(task);
      CHECK(word(ask) == "no report");
      REQUIRE(ask.refusal);
      CHECK(ask.refusal->code == row.code);
      CHECK(ask.refusal->error_class == row.on_status);
      CHECK(ask.gap.empty());
    }
  CHECK(service.seen().started.size() == 1);
  CHECK(service.seen().handed_out == 0);
  CHECK(service.ask(task).lines.size() == 2);
}

TEST_CASE_TEMPLATE("an HTTP status without a usable body is judged by itself", Service, FakeService,
                   SandboxService) {
  Service service;
  const TaskId task = service.started(endless(1));
  for (const HttpRow& row : http_rows) {
    CAPTURE(row.status);
    service.strike(status_strike(Endpoint::submit, row.status));
    const ReplyOutcome start = service.start(writing(1));
    CHECK(word(start) == row.after_start);
    CHECK(start.end.http_status == row.status);
    service.strike(status_strike(Endpoint::status, row.status));
    const ReplyOutcome ask = service.ask(task);
    CHECK(word(ask) == "no report");
    REQUIRE(ask.refusal);
    CHECK_FALSE(ask.refusal->code);
    CHECK(ask.refusal->error_class == row.on_status);
    CHECK(ask.gap.empty() == !row.gap);
  }
  CHECK(service.seen().started.size() == 1);
  CHECK(service.seen().handed_out == 0);
}

TEST_CASE_TEMPLATE("a failure of the service that acted all the same is never taken for a refusal",
                   Service, FakeService, SandboxService) {
  Service service;
  const TaskId task = service.ended(writing(1));
  for (const int http_status : {500, 502, 504}) {
    CAPTURE(http_status);
    Strike strike = status_strike(Endpoint::submit, http_status);
    strike.act = true;
    service.strike(strike);
    CHECK(word(service.start(writing(1))) == "unconfirmed");
  }
  CHECK(service.seen().started.size() == 4);
  Strike strike = status_strike(Endpoint::status, 502);
  strike.act = true;
  service.strike(strike);
  const ReplyOutcome judgement = service.ask(task);
  CHECK(word(judgement) == "no report");
  CHECK_FALSE(judgement.gap.empty());
  CHECK(service.seen().handed_out >= 3);
}

TEST_CASE_TEMPLATE("Retry-After is passed on in full, with a status and with a code", Service,
                   FakeService, SandboxService) {
  Service service;
  for (const std::chrono::seconds span : {1s, 3600s, 86'399s}) {
    Strike strike = status_strike(Endpoint::submit, 429);
    strike.retry_after = span;
    service.strike(strike);
    const ReplyOutcome start = service.start(writing(1));
    REQUIRE(start.refusal);
    CHECK(start.refusal->retry_after == span);
    strike = code_strike(Endpoint::status, 30002, 429);
    strike.retry_after = span;
    service.strike(strike);
    const ReplyOutcome ask = service.ask(TaskId{"any"});
    REQUIRE(ask.refusal);
    CHECK(ask.refusal->error_class == ErrorClass::pause);
    CHECK(ask.refusal->retry_after == span);
  }
}

TEST_CASE_TEMPLATE("a task that the service does not know is 10001, and no gap", Service,
                   FakeService, SandboxService) {
  Service service;
  service.started(endless(1));
  for (const char* id : {"", "unknown", "%2F%3D", "T%zz", "a b&task_id=c"}) {
    CAPTURE(id);
    const ReplyOutcome judgement = service.ask(TaskId{id});
    CHECK(word(judgement) == "no report");
    REQUIRE(judgement.refusal);
    CHECK(judgement.refusal->code == 10001);
    CHECK(judgement.refusal->error_class == ErrorClass::task_gone);
    CHECK(judgement.gap.empty());
    CHECK(judgement.lines.empty());
  }
  CHECK(service.seen().handed_out == 0);
}

TEST_CASE_TEMPLATE("a task that ended too long ago is not known any more", Service, FakeService,
                   SandboxService) {
  ServiceSetup setup;
  setup.task_ttl = 0s;
  Service service(setup);
  const TaskId task = service.ended(writing(1));
  const SteadyTime end = service.clock().steady();
  service.let_pass_until([&] { return service.clock().steady() > end + 5ms; });
  const ReplyOutcome judgement = service.ask(task);
  REQUIRE(judgement.refusal);
  CHECK(judgement.refusal->error_class == ErrorClass::task_gone);
  CHECK(service.seen().handed_out == 0);
}

TEST_CASE_TEMPLATE("a refused token is HTTP 401 with 30001, nothing runs, nothing is destroyed",
                   Service, FakeService, SandboxService) {
  Service service;
  const TaskId task = service.ended(writing(1));
  const std::string right = std::exchange(service.token, "expired&token=%41 +");
  const ReplyOutcome start = service.start(writing(1));
  CHECK(word(start) == "put back");
  const ReplyOutcome ask = service.ask(task);
  CHECK(word(ask) == "no report");
  for (const ReplyOutcome* judgement : {&start, &ask}) {
    CHECK(judgement->end.http_status == 401);
    REQUIRE(judgement->refusal);
    CHECK(judgement->refusal->code == 30001);
    CHECK(judgement->refusal->error_class == ErrorClass::token);
    CHECK(judgement->refusal->sentence.find(service.token) == std::string::npos);
    CHECK(judgement->gap.empty());
  }
  CHECK(service.seen().started.size() == 1);
  CHECK(service.seen().handed_out == 0);
  service.token = right;
  CHECK(service.ask(task).lines.size() == 3);
}

TEST_CASE_TEMPLATE(
    "a used-up quota is 30002, or HTTP 429 with Retry-After, for each endpoint alone", Service,
    FakeService, SandboxService) {
  for (const auto retry_after : {std::optional<std::chrono::seconds>{}, std::optional{77s}}) {
    CAPTURE(retry_after.has_value());
    ServiceSetup setup;
    setup.submit_quota = 2;
    setup.status_quota = 1;
    setup.quota_retry_after = retry_after;
    Service service(setup);
    const TaskId task = service.ended(writing(1));
    REQUIRE(word(service.start(endless(1))) == "started");
    const ReplyOutcome start = service.start(writing(1));
    CHECK(word(start) == "put back");
    CHECK(service.ask(TaskId{"unknown"}).refusal->code == 10001); // it counts all the same
    const ReplyOutcome ask = service.ask(task);
    CHECK(word(ask) == "no report");
    for (const ReplyOutcome* judgement : {&start, &ask}) {
      CHECK(judgement->end.http_status == (retry_after ? 429 : 200));
      REQUIRE(judgement->refusal);
      CHECK(judgement->refusal->code == 30002);
      CHECK(judgement->refusal->error_class == ErrorClass::pause);
      CHECK(judgement->refusal->retry_after == retry_after);
      CHECK(judgement->gap.empty());
    }
    CHECK(service.seen().started.size() == 2);
    CHECK(service.seen().handed_out == 0);
  }
}
