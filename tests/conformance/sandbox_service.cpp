#include "tests/conformance/sandbox_service.h"

namespace kdq::test {
namespace {

using nlohmann::json;

sandbox::SandboxSettings settings_of(const ServiceSetup& setup) {
  sandbox::SandboxSettings settings = sandbox::test_settings();
  settings.threads = 256; // more than the transport's connections
  settings.style = {setup.wrapped,    setup.task_id_key, setup.task_id_in_data,  setup.running_word,
                    setup.ended_word, setup.no_logs,     setup.quota_retry_after};
  settings.service.submit_quota = setup.submit_quota;
  settings.service.status_quota = setup.status_quota;
  settings.service.unix_time_in_ms = setup.unix_time_in_ms;
  if (setup.task_ttl)
    settings.service.task_ttl = *setup.task_ttl;
  return settings;
}

CurlLimits limits_of(const ServiceSetup& setup) {
  CurlLimits limits;
  limits.total = setup.time_limit;
  return limits;
}

std::string kind_of(Strike::Kind kind) {
  switch (kind) {
  case Strike::Kind::delay:
    return "delay";
  case Strike::Kind::delay_after:
    return "delay_after";
  case Strike::Kind::drop_before:
    return "drop_before";
  case Strike::Kind::drop_after:
    return "drop_after";
  case Strike::Kind::close_after_next:
    return "close_after_next";
  case Strike::Kind::truncate:
    return "truncate";
  case Strike::Kind::garbage:
    return "garbage";
  case Strike::Kind::status:
    return "status";
  case Strike::Kind::code:
    return "code";
  case Strike::Kind::oversize:
    break;
  }
  return "oversize";
}

std::string calls(const std::vector<Script::Line>& lines) {
  std::string text;
  for (const Script::Line& line : lines) {
    const std::string args = line.args.dump();
    text += "console." + line.level + "(" + args.substr(1, args.size() - 2) + ");\n";
  }
  return text;
}

} // namespace

SandboxService::SandboxService(const ServiceSetup& setup)
    : sandbox_(std::in_place, settings_of(setup)), address_(sandbox_->base_url()),
      admin_(*sandbox_), transport_(clock_, limits_of(setup)) {}

AppSettings SandboxService::app() const {
  AppSettings app;
  app.base_url = address_;
  return app;
}

std::string SandboxService::script_text(const Script& script) const {
  std::string text = calls(script.lines);
  if (script.then_waits.count() > 0)
    text += "Time.sleep(" + std::to_string(script.then_waits.count()) + ");\n";
  text += calls(script.last_lines);
  if (!script.error.empty())
    return text + "throw new Error(" + json(script.error).dump() + ");";
  return text + (script.result ? "(" + script.result->dump() + ")" : "undefined");
}

void SandboxService::strike(const Strike& strike) {
  json rule{{"kind", kind_of(strike.kind)}, {"endpoint", to_text(strike.endpoint)}, {"count", 1}};
  if (strike.kind == Strike::Kind::delay || strike.kind == Strike::Kind::delay_after)
    rule["ms"] = strike.delay.count();
  if (strike.kind == Strike::Kind::status || strike.kind == Strike::Kind::code) {
    rule["http_status"] = strike.http_status;
    rule["act"] = strike.act;
  }
  if (strike.kind == Strike::Kind::code)
    rule["code"] = strike.code;
  if (strike.retry_after)
    rule["retry_after"] = strike.retry_after->count();
  admin_.fault(rule);
}

Seen SandboxService::seen() {
  const json ledger = admin_.admin("ledger");
  Seen seen;
  seen.submits = ledger.at("received").at("submit");
  seen.asks = ledger.at("received").at("status");
  seen.ended = ledger.at("tasks").at("ended");
  seen.produced = ledger.at("lines").at("produced");
  seen.handed_out = ledger.at("lines").at("handed_out");
  seen.wrong_encodings = ledger.at("wrong_encodings");
  seen.paths_not_found = ledger.at("paths_not_found");
  for (const json& post : ledger.at("posts"))
    seen.started.insert(
        seen.started.end(), post.at("count").get<std::size_t>(),
        {post.at("file"), post.at("script_name"), post.at("script"), post.at("custom_argv")});
  return seen;
}

} // namespace kdq::test
