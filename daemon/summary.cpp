#include "daemon/summary.h"

#include "daemon/notify_config.h"

#include <cstdio>
#include <utility>

namespace kdq {

namespace {

std::string time_of_day(std::chrono::minutes since_midnight) {
  char text[16];
  const auto total = static_cast<int>(since_midnight.count());
  std::snprintf(text, sizeof text, "%02d:%02d", total / 60, total % 60);
  return text;
}

std::string rate(double per_second) {
  if (per_second == 0)
    return "no limit per second";
  char text[32];
  std::snprintf(text, sizeof text, "%g", per_second);
  return "at most " + std::string(text) + " requests a second";
}

std::string app_sentence(const std::string& name, const AppSettings& app, const Config& config) {
  std::string text = "jobs of the app \"" + name + "\" go to " + app.base_url + ": " +
                     grouped(app.submit_quota) + " starts and " + grouped(app.status_quota) +
                     " polls a day (tier " + config.tiers.at(name) + "; the day begins at " +
                     time_of_day(app.quota_reset) + " " + app.quota_timezone + "), " +
                     rate(app.requests_per_second);
  if (const auto found = config.token_sources.find(name); found != config.token_sources.end())
    text += found->second.token_file.empty()
                ? "; its tokens are kept fresh in " + found->second.token_store.string()
                : "; the token is in " + found->second.token_file.string();
  if (!app.ca_file.empty())
    text += "; the server must have a certificate from " + app.ca_file;
  return text;
}

std::string after_days(Days days) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", days.count());
  return " after " + std::string(text) + (days.count() == 1 ? " day" : " days");
}

std::string retention_sentence(const EngineSettings& engine) {
  const RetentionSettings& retention = engine.retention;
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (retention.days_ended.count() > 0)
    add("ended jobs are deleted" + after_days(retention.days_ended));
  if (retention.days_logs.count() > 0)
    add((text.empty() ? "log lines and requests of ended jobs are deleted"
                      : "their log lines and requests") +
        after_days(retention.days_logs));
  if (retention.max_bytes > 0)
    add("the oldest ended jobs are deleted while more than " + grouped(retention.max_bytes) +
        " bytes are in use");
  if (text.empty())
    text = "what has ended is kept for ever";
  return text + (engine.keep_raw ? "; replies are kept as received, too"
                                 : "; of replies whose content is in rows the raw body is dropped");
}

std::string span_text(std::chrono::seconds span) {
  constexpr std::pair<std::int64_t, const char*> units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}};
  for (const auto& [seconds, unit] : units)
    if (span.count() % seconds == 0)
      return std::to_string(span.count() / seconds) + " " + unit;
  return std::to_string(span.count()) + " s";
}

std::string backup_sentence(const BackupSettings& backup) {
  if (backup.directory.empty())
    return "no backups are made";
  return "every " + span_text(backup.every) + " a backup is made in " + backup.directory.string() +
         ", the newest " + grouped(static_cast<std::int64_t>(backup.keep)) + " are kept";
}

std::string notify_sentence(const NotifyRule& rule) {
  std::string events;
  for (const std::string& event : rule.on)
    events += (events.empty() ? "" : ", ") + event;
  const std::string of_app = rule.app.empty() ? "" : " of the app \"" + rule.app + "\"";
  return "of these events" + of_app + " somebody is told by " + argv_of(rule).front() + ": " +
         events;
}

} // namespace

std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  const std::size_t first_digit = number < 0 ? 1 : 0;
  for (std::size_t end = text.size(); end > first_digit + 3; end -= 3)
    text.insert(end - 3, 1, ' ');
  return text;
}

std::vector<std::string> summary(const Config& config) {
  const EngineSettings& engine = config.engine;
  std::vector<std::string> lines{"jobs are taken from " + config.database.string()};
  for (const auto& [name, app] : engine.apps)
    lines.push_back(app_sentence(name, app, config));
  const std::string per_file =
      engine.max_running_per_file == 0
          ? "any number of them on one file"
          : "at most " + grouped(static_cast<std::int64_t>(engine.max_running_per_file)) +
                " on one file";
  lines.push_back("at most " + grouped(static_cast<std::int64_t>(engine.max_running)) +
                  " scripts run at a time, " + per_file +
                  "; a script without timeout_s is given up after " +
                  grouped(engine.job_timeout.count()) + " s");
  lines.push_back("a script may have " + grouped(engine.max_script_bytes) +
                  " bytes, with its argv");
  lines.push_back(backup_sentence(engine.backup));
  lines.push_back(retention_sentence(engine));
  for (const NotifyRule& rule : engine.notify)
    lines.push_back(notify_sentence(rule));
  return lines;
}

std::string status_line(const EngineStatus& status) {
  std::string text = grouped(static_cast<std::int64_t>(status.running)) + " running, " +
                     grouped(static_cast<std::int64_t>(status.queued)) + " queued, " +
                     grouped(status.polls_left) + " of " + grouped(status.polls_allowed) +
                     " polls left today";
  if (status.unsaved_replies > 0)
    text += ", " + grouped(static_cast<std::int64_t>(status.unsaved_replies)) +
            " replies not stored yet";
  if (!status.trouble.empty())
    text += "; " + status.trouble;
  return text;
}

} // namespace kdq
