// Leaves word of what somebody wants to be told (setting notify), for the daemon to pass on.
#pragma once

#include "poller/settings.h"
#include "store/job.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace kdq {

class Notifications;
struct HealthRow;
struct NoticeTarget;

/// To be called inside of Database::write(), in the transaction of the change itself: so a crash
/// loses no word of it, and none is left of what did not happen. Of events that no rule names it
/// costs no statement.
class Notices {
public:
  /// `rules` are read each time.
  Notices(const std::vector<NotifyRule>& rules, Notifications& table)
      : rules_(rules), table_(table) {}

  /// Whether any rule names it.
  bool wants(std::string_view event) const;

  /// After the job's row was written: by the daemon, who alone calls this.
  void job_changed(JobId job, JobState before, JobState after, WallTime now);
  /// Before the app's row says that it is blocked: if it does already, nobody is told again.
  void app_blocked(const std::string& app, const std::string& reason, WallTime now);
  void health(const HealthRow& row, WallTime now);

  /// Counts up with what was left, be it committed or not.
  std::uint64_t left() const { return left_; }

private:
  void each(std::string_view event, const std::function<void(const NoticeTarget&)>& add);

  const std::vector<NotifyRule>& rules_;
  Notifications& table_;
  std::uint64_t left_ = 0;
};

} // namespace kdq
