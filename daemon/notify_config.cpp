#include "daemon/notify_config.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace kdq {
namespace {

constexpr std::string_view events[] = {"failed", "timed_out", "unconfirmed", "blocked", "health"};
constexpr std::int64_t timeout_max_s = 600;

std::set<std::string, std::less<>> read_events(const ConfigValue& value) {
  std::set<std::string, std::less<>> on;
  value.items([&](const ConfigValue& item) {
    const std::string event = item.text();
    if (std::find(std::begin(events), std::end(events), event) == std::end(events))
      item.fail("must be failed, timed_out, unconfirmed, blocked or health, not \"" + event + "\"");
    on.insert(event);
  });
  if (on.empty())
    value.fail("must name an event: failed, timed_out, unconfirmed, blocked or health");
  return on;
}

/// As JSON, compact: so it stands in the table notifications, where it is compared.
std::string read_command(const ConfigValue& value) {
  auto argv = nlohmann::json::array();
  value.items([&](const ConfigValue& item) {
    const std::string text = item.text();
    if (text.find('\0') != std::string::npos)
      item.fail("must have no NUL character");
    if (argv.empty() && !text.starts_with('/'))
      item.fail("must be the full path of a program (there is no shell), such as /usr/bin/curl");
    argv.push_back(text);
  });
  if (argv.empty())
    value.fail("must name a program and its arguments, such as [\"/usr/bin/logger\", \"-t\", "
               "\"kdocs\"]");
  return argv.dump();
}

NotifyRule read_rule(const ConfigValue& value) {
  NotifyRule rule;
  value.object({
      {"on", [&](auto& v) { rule.on = read_events(v); }},
      {"app", [&](auto& v) { rule.app = v.text(); }},
      {"command", [&](auto& v) { rule.command = read_command(v); }},
      {"timeout_s",
       [&](auto& v) { rule.timeout = std::chrono::seconds(v.integer(1, timeout_max_s)); }},
  });
  if (rule.on.empty())
    value.fail("needs \"on\", the events that somebody is to be told of");
  if (rule.command.empty())
    value.fail("needs \"command\", what is to be run then");
  return rule;
}

} // namespace

std::vector<NotifyRule> read_notify(const ConfigValue& value) {
  std::vector<NotifyRule> rules;
  value.items([&](const ConfigValue& item) { rules.push_back(read_rule(item)); });
  return rules;
}

std::vector<std::string> argv_of(const NotifyRule& rule) {
  return nlohmann::json::parse(rule.command).get<std::vector<std::string>>();
}

} // namespace kdq
