#include "tests/conformance/fake_service.h"

#include <algorithm>
#include <doctest/doctest.h>

namespace kdq::test {
namespace {

using nlohmann::json;

Fault::Kind kind_of(Strike::Kind kind) {
  switch (kind) {
  case Strike::Kind::drop_before:
    return Fault::Kind::drop_before;
  case Strike::Kind::drop_after:
    return Fault::Kind::drop_after;
  case Strike::Kind::truncate:
    return Fault::Kind::truncate;
  case Strike::Kind::garbage:
    return Fault::Kind::garbage;
  case Strike::Kind::status:
    return Fault::Kind::http_status;
  case Strike::Kind::code:
    return Fault::Kind::code;
  case Strike::Kind::oversize:
    return Fault::Kind::oversize;
  case Strike::Kind::delay:
  case Strike::Kind::delay_after:
  case Strike::Kind::close_after_next:
    break;
  }
  return Fault::Kind::none;
}

} // namespace

FakeService::FakeService(const ServiceSetup& setup) {
  kdocs_.token = token;
  kdocs_.shape_a = setup.wrapped;
  kdocs_.style = {setup.task_id_key,      setup.task_id_in_data, setup.running_word,
                  setup.ended_word,       setup.no_logs,         setup.unix_time_in_ms,
                  setup.quota_retry_after};
  kdocs_.submit_quota = setup.submit_quota;
  kdocs_.status_quota = setup.status_quota;
  kdocs_.task_ttl = setup.task_ttl;
  kdocs_.time_limit = setup.time_limit;
  kdocs_.faults = [this](Endpoint endpoint, std::size_t) { return next_fault(endpoint); };
}

AppSettings FakeService::app() const {
  AppSettings app;
  app.base_url = "https://kdocs.test";
  return app;
}

std::string FakeService::script_text(const Script& script) const {
  json log = json::array();
  const auto add = [&](const std::vector<Script::Line>& lines, std::chrono::milliseconds at) {
    for (const Script::Line& line : lines)
      log.push_back({{"at", at.count()}, {"args", line.args}, {"level", line.level}});
  };
  add(script.lines, {});
  add(script.last_lines, script.then_waits);
  json plan{{"ms", script.then_waits.count()}, {"log", log}, {"error", script.error}};
  if (script.result)
    plan["result"] = *script.result;
  return plan.dump();
}

Fault FakeService::next_fault(Endpoint endpoint) {
  if (vanished_)
    return {Fault::Kind::not_sent};
  if (std::exchange(drop_next_, false))
    return {Fault::Kind::drop_after};
  const auto found = std::find_if(strikes_.begin(), strikes_.end(), [&](const Strike& strike) {
    return strike.endpoint == endpoint;
  });
  if (found == strikes_.end())
    return {};
  const Strike strike = *found;
  strikes_.erase(found);
  drop_next_ = strike.kind == Strike::Kind::close_after_next;
  Fault fault;
  fault.kind = kind_of(strike.kind);
  if (strike.kind == Strike::Kind::code)
    fault.number = static_cast<int>(strike.code);
  else if (strike.kind == Strike::Kind::status)
    fault.number = strike.http_status;
  fault.code_status = strike.http_status;
  fault.retry_after = strike.retry_after;
  fault.act = strike.act;
  (strike.kind == Strike::Kind::delay_after ? fault.delay_after : fault.delay) = strike.delay;
  return fault;
}

Seen FakeService::seen() {
  Seen seen;
  seen.submits = kdocs_.received(Endpoint::submit);
  seen.asks = kdocs_.received(Endpoint::status);
  seen.wrong_encodings = kdocs_.wrong_encodings();
  seen.paths_not_found = kdocs_.paths_not_found();
  for (const FakeTask& task : kdocs_.tasks()) {
    seen.started.push_back({task.file, task.name, task.script, task.argv});
    seen.ended += task.ends <= clock_.wall();
    for (const FakeTask::Line& line : task.lines) {
      seen.produced += line.at <= clock_.wall();
      seen.handed_out += line.handed_out.has_value();
    }
  }
  return seen;
}

void FakeService::let_pass_until(const std::function<bool()>& done) {
  const SteadyTime end = clock_.steady() + std::chrono::hours(1);
  while (!done()) {
    REQUIRE(clock_.steady() < end);
    kdocs_.wait_until(clock_.steady() + std::chrono::milliseconds(5));
  }
}

} // namespace kdq::test
