#include "poller/engine/notices.h"

#include "store/notifications.h"

#include <algorithm>

namespace kdq {
namespace {

constexpr std::string_view blocked_event = "blocked";
constexpr std::string_view health_event = "health";

} // namespace

bool Notices::wants(std::string_view event) const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [&](const NotifyRule& rule) { return rule.on.contains(event); });
}

void Notices::each(std::string_view event, const std::function<void(const NoticeTarget&)>& add) {
  for (const NotifyRule& rule : rules_) {
    if (!rule.on.contains(event))
      continue;
    add({rule.command, rule.app});
    ++left_;
  }
}

void Notices::job_changed(JobId job, JobState before, JobState after, WallTime now) {
  if (before == after)
    return;
  each(to_text(after), [&](const NoticeTarget& to) { table_.add_job(job, after, to, now); });
}

void Notices::app_blocked(const std::string& app, const std::string& reason, WallTime now) {
  if (wants(blocked_event) && !table_.is_blocked(app))
    each(blocked_event, [&](const NoticeTarget& to) { table_.add_blocked(app, reason, to, now); });
}

void Notices::health(const HealthRow& row, WallTime now) {
  each(health_event, [&](const NoticeTarget& to) { table_.add_health(row, to, now); });
}

} // namespace kdq
