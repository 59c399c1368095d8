// What happens in a run, drawn from its seed before it begins.
#pragma once

#include "poller/settings.h"
#include "tests/sim/random.h"
#include "tests/sim/schedule_times.h"
#include "tests/support/fake_kdocs.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kdq::sim {

/// A row of classes.
struct ClassPlan {
  std::int64_t weight = 1;
  std::optional<std::int64_t> max_running;
  std::optional<std::int64_t> starts_per_day;
};

/// What makes a row of schedules of a job.
struct SchedulePlan {
  CronTimes times;
  std::string overlap;
  std::string missed;
};

/// A job as a user inserts it.
struct JobPlan {
  std::string name; ///< script_name; one of its own for each job of a run
  std::string file;
  std::string script;
  bool script_is_utf8 = true;
  std::string app;
  std::string job_class;              ///< empty: none
  std::optional<ClassPlan> class_row; ///< to be there before the first job of the class
  std::int64_t priority = 0;
  std::optional<std::chrono::milliseconds> run_in; ///< run_at, from the INSERT on
  std::optional<std::chrono::milliseconds> expires_in;
  std::optional<std::int64_t> timeout_s;
  std::int64_t max_attempts = 1;
  std::optional<std::uint64_t> depends_on; ///< a number that chooses one of the jobs that are there
  std::vector<std::uint64_t> needs;        ///< the same, for rows of dependencies
  std::optional<int> batch;                ///< number of a batch that is open to all
  std::optional<int> after_batch;
  std::string when_needed = "succeeded";
  std::string on_dependency_failed = "wait";
  bool takes_results = false; ///< pass_as
  bool supersedes = false;
  std::optional<SchedulePlan> schedule; ///< instead of one job many
  std::string unique_key;               ///< empty: none
  std::string on_unconfirmed;           ///< hold, retry or fail
};

/// What a user, an operator or the machine does at a moment.
struct Action {
  enum class Kind {
    insert,
    cancel,       ///< some job that has not ended
    rerun,        ///< some job that may be queued again
    remove,       ///< DELETE of some job that has ended
    lock,         ///< another program holds the write lock for `span`
    read,         ///< another program reads in one transaction for `span`
    step_clock,   ///< the civil clock of the daemon's machine is set by `span`
    expire_token, ///< the service refuses the token, and has another one `span` later
    restart,      ///< a stop as by systemd, and a start
    pause,        ///< of all, an app or a file, for `span`
    watch,        ///< somebody follows the log of some job that has not ended, for `span`
    refuse,       ///< a trigger of theirs takes nothing of every fifth job, for `span`
    back_up,      ///< as sqlite3's .backup; takes the place of the backup before it
    restore       ///< of the last backup into the live database, as sqlite3's .restore
  };
  std::chrono::milliseconds at{0}; ///< since the run's begin
  Kind kind = Kind::insert;
  std::uint64_t choice = 0; ///< which job, or what is paused
  std::chrono::milliseconds span{0};
  JobPlan job;
};

using kdq::to_text;
std::string to_text(Action::Kind kind);

/// An app whose service takes requests and does not answer, between these, since the run's begin.
struct Hanging {
  std::string app;
  bool starts = false;
  bool polls = false;
  std::chrono::milliseconds from{0};
  std::chrono::milliseconds to{0};
};

struct Plan {
  std::uint64_t seed = 0;
  EngineSettings settings;
  WallTime begins;
  std::chrono::milliseconds lasts{0}; ///< then the faults end, and the queue runs empty
  std::vector<Action> actions;        ///< in order of time
  std::chrono::milliseconds latency{40};
  bool shape_a = true;
  int faulty_percent = 0;    ///< of the requests
  int limited_percent = 0;   ///< of the requests: 429, with the time to wait
  bool limits_end = false;   ///< a rate limit says when it ends: it is not the end of the day
  bool new_database = false; ///< created in the run, not prepared before it
  bool users_stay = true;    ///< a user's connection stays open, as a database browser's does
  bool steps_clock = false;
  /// Runs over days: when the first one ends, since the run's begin. Nothing disturbs the last hour
  /// before it and the first minutes after it.
  std::optional<std::chrono::milliseconds> rolls_at;
  std::optional<Hanging> hanging;
  /// The app's tokens end and are renewed, but for two days, between these, since the run's begin;
  /// a person consents anew within hours where that is asked for.
  std::optional<std::pair<std::chrono::milliseconds, std::chrono::milliseconds>> no_renewals;
  std::int64_t submit_quota = 1'000'000; ///< what the service grants an app on a day
  std::int64_t status_quota = 1'000'000;

  /// Whether nothing may disturb some moment between these, since the run's begin.
  bool is_quiet(std::chrono::milliseconds from, std::chrono::milliseconds to) const;
  /// What happens to one request; `random`: the run's stream for it.
  test::Fault fault(Endpoint endpoint, Random& random) const;
  /// The same for a renewal of a token at a moment, since the run's begin.
  test::Fault renewal_fault(std::chrono::milliseconds now, Random& random) const;
};

/// `small`: a few jobs in a few minutes, for sweeps over all points of a run.
Plan make_plan(std::uint64_t seed, bool small);
/// A long run in which users make backups and restore them.
Plan make_plan_of_restores(std::uint64_t seed);
/// Rate limits for minutes; to be played with many deaths.
Plan make_plan_of_pauses(std::uint64_t seed);
/// Many jobs of an app whose service hangs, and some of one whose service is well.
Plan make_plan_of_apps(std::uint64_t seed);
/// 700 jobs for a test app, which may start 500 a day.
Plan make_plan_of_days(std::uint64_t seed);
/// A month in which nobody looks: tokens end, renewals fail for two days, a backup is made each
/// night, and one is restored.
Plan make_plan_of_month(std::uint64_t seed);

} // namespace kdq::sim
