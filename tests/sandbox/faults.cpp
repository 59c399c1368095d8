#include "tests/sandbox/faults.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace kdq::sandbox {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<FaultKind, std::string_view>, 10> kind_names{{
    {FaultKind::delay, "delay"},
    {FaultKind::delay_after, "delay_after"},
    {FaultKind::drop_before, "drop_before"},
    {FaultKind::drop_after, "drop_after"},
    {FaultKind::close_after_next, "close_after_next"},
    {FaultKind::truncate, "truncate"},
    {FaultKind::garbage, "garbage"},
    {FaultKind::status, "status"},
    {FaultKind::code, "code"},
    {FaultKind::oversize, "oversize"},
}};

constexpr std::array<std::pair<Endpoint, std::string_view>, 4> endpoint_names{{
    {Endpoint::submit, "submit"},
    {Endpoint::status, "status"},
    {Endpoint::exchange, "exchange"},
    {Endpoint::refresh, "refresh"},
}};

constexpr std::array<std::string_view, 10> known_keys{
    "kind", "endpoint",    "count", "probability", "ms",
    "code", "retry_after", "bytes", "http_status", "act"};

FaultKind kind_from(const std::string& name) {
  for (const auto& [kind, text] : kind_names) {
    if (text == name) {
      return kind;
    }
  }
  throw std::invalid_argument("fault: \"" + name + "\" is no kind of fault");
}

std::optional<Endpoint> endpoint_from(const std::string& name) {
  if (name == "any") {
    return std::nullopt;
  }
  for (const auto& [endpoint, text] : endpoint_names) {
    if (text == name) {
      return endpoint;
    }
  }
  throw std::invalid_argument(
      "fault: the endpoint is submit, status, any, exchange or refresh, not \"" + name + "\"");
}

bool is_about(const FaultRule& rule, Endpoint endpoint) {
  return rule.endpoint ? *rule.endpoint == endpoint
                       : endpoint == Endpoint::submit || endpoint == Endpoint::status;
}

bool is_delay(const Fault& fault) {
  return fault.kind == FaultKind::delay || fault.kind == FaultKind::delay_after;
}

FaultRule read_rule(const json& text) {
  for (const auto& item : text.items()) {
    if (std::find(known_keys.begin(), known_keys.end(), item.key()) == known_keys.end()) {
      throw std::invalid_argument("fault: unknown key \"" + item.key() + "\"");
    }
  }
  FaultRule rule;
  Fault& fault = rule.fault;
  fault.kind = kind_from(text.at("kind").get<std::string>());
  rule.endpoint = endpoint_from(text.value("endpoint", "any"));
  if (text.contains("count")) {
    rule.count = text.at("count").get<std::uint64_t>();
  }
  rule.probability = text.value("probability", 1.0);
  fault.delay = std::chrono::milliseconds(text.value("ms", fault.delay.count()));
  fault.http_status = text.value("http_status", fault.kind == FaultKind::status ? 502 : 200);
  fault.code = text.value("code", fault.code);
  if (text.contains("retry_after")) {
    fault.retry_after_seconds = text.at("retry_after").get<std::int64_t>();
  }
  fault.padding_bytes = text.value("bytes", fault.padding_bytes);
  fault.act = text.value("act", fault.kind != FaultKind::status && fault.kind != FaultKind::code);
  return rule;
}

} // namespace

std::string_view to_text(Endpoint endpoint) {
  return std::find_if(endpoint_names.begin(), endpoint_names.end(),
                      [endpoint](const auto& entry) { return entry.first == endpoint; })
      ->second;
}

std::string_view to_text(FaultKind kind) {
  return std::find_if(kind_names.begin(), kind_names.end(),
                      [kind](const auto& entry) { return entry.first == kind; })
      ->second;
}

FaultRule rule_from_json(const json& text) {
  try {
    return read_rule(text);
  } catch (const json::exception& e) {
    throw std::invalid_argument(std::string("fault: ") + e.what());
  }
}

void FaultPlan::add(const FaultRule& rule) {
  const std::lock_guard lock(mutex_);
  rules_.push_back(rule);
}

void FaultPlan::clear() {
  const std::lock_guard lock(mutex_);
  rules_.clear();
}

std::vector<Fault> FaultPlan::draw(Endpoint endpoint) {
  const std::lock_guard lock(mutex_);
  std::vector<Fault> struck;
  bool other = false;
  for (FaultRule& rule : rules_) {
    if (!is_about(rule, endpoint) || rule.count == 0U || (other && !is_delay(rule.fault)) ||
        std::uniform_real_distribution<>(0, 1)(random_) >= rule.probability) {
      continue;
    }
    if (rule.count) {
      --*rule.count;
    }
    other = other || !is_delay(rule.fault);
    struck.push_back(rule.fault);
  }
  return struck;
}

json FaultPlan::describe() const {
  const std::lock_guard lock(mutex_);
  json all = json::array();
  for (const FaultRule& rule : rules_) {
    all.push_back({{"kind", to_text(rule.fault.kind)},
                   {"endpoint", rule.endpoint ? to_text(*rule.endpoint) : "any"},
                   {"count", rule.count ? json(*rule.count) : json()},
                   {"probability", rule.probability}});
  }
  return all;
}

} // namespace kdq::sandbox
