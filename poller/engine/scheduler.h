// INSERTs the jobs of the table schedules when their times come.
#pragma once

#include "store/base/time.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kdq {

class Clock;
class Database;
class Events;
class ScheduleReserve;
class Schedules;
struct Schedule;
struct StoreUnavailable;

/// For the engine. Whatever dies in between: each time of a schedule either has one job, or is
/// counted in its `skipped`, as the place up to which it was looked at (`next_at`) moves in the
/// transaction that INSERTs the job. In memory are the next time of all, and the names of those
/// whose transaction the database refuses: their times wait, and are made up for as `missed` has
/// it.
class Scheduler {
public:
  Scheduler(Database& database, Schedules& schedules, ScheduleReserve& reserve, Clock& clock,
            Events& events)
      : database_(database), schedules_(schedules), reserve_(reserve), clock_(clock),
        events_(events) {}

  /// Somebody else has committed, or the file is another one: work() looks at it.
  void notice() { unread_ = true; }
  /// The schema has changed: what was refused is tried again.
  void notice_schema();
  /// Does what is due, in two short transactions at most. Throws StoreUnavailable for what
  /// everybody meets who must write; of what a user has put in the way it tells, and tries again
  /// later.
  void work();
  /// When work() has something to do; far future: never.
  SteadyTime next_wake(Moment now) const;
  /// Whether a time has come that was not looked at, or waits.
  bool is_behind(WallTime now) const { return !aside_.empty() || (next_ && *next_ <= now); }

private:
  struct Reckoned;
  struct Step;
  struct Plan;
  /// A schedule whose transaction was refused although it was alone in it.
  struct Aside {
    int failures = 0; ///< in a row
    bool is_change = false;
    SteadyTime until{}; ///< then it is tried again
    std::string told;   ///< its error
  };
  bool is_due(Moment now) const;
  std::chrono::milliseconds pause() const;
  void begin();
  Plan plan(Moment now);
  void plan_alone(Plan& plan, const std::string& name, WallTime now);
  void plan_change(Plan& plan, const std::string& name, WallTime now);
  void plan_step(Plan& plan, Schedule schedule, WallTime now);
  void carry_out(const Plan& plan, WallTime now);
  void take(const Step& step, WallTime now);
  void carried_out(const Plan& plan, SteadyTime now);
  void failed(const Plan& plan, const StoreUnavailable& error, SteadyTime now);
  void set_aside(const Plan& plan, const StoreUnavailable& error, SteadyTime now);
  void tell(const std::string& name, Aside& aside, const std::string& sentence);

  Database& database_;
  Schedules& schedules_;
  ScheduleReserve& reserve_;
  Clock& clock_;
  Events& events_;
  bool begun_ = false;           ///< what had an error was looked at again
  bool unread_ = true;           ///< something may have changed
  std::optional<WallTime> next_; ///< of all schedules that are not set aside
  std::map<std::string, Aside> aside_;
  SteadyTime retry_ = SteadyTime::max(); ///< the first of those
  SteadyTime ready_{};                   ///< not before
  SteadyTime rests_until_{};             ///< no times before, but changes
  std::size_t most_ = 1;                 ///< schedules of the next transaction
  int failures_ = 0;                     ///< of reads, in a row
  int too_long_ = 0;                     ///< writes that took too long, in a row
};

} // namespace kdq
