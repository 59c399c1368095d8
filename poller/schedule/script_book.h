// What is known of every script, and the plans made from it. Bounded; no clock, no randomness.
#pragma once

#include "poller/schedule/age_cells.h"
#include "poller/schedule/open_task.h"
#include "poller/schedule/poll_plan.h"
#include "poller/schedule/run_time_model.h"
#include "poller/schedule/submission_order.h"

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace kdq {

/// A script or a family, told apart by the first letter of the keys of their rows.
struct ScriptName {
  enum class Kind : char { script = 's', family = 'f' };
  Kind kind;
  std::string_view text;
  bool operator==(const ScriptName&) const = default;

  struct Hash {
    std::size_t operator()(const ScriptName& name) const {
      return std::hash<std::string_view>{}(name.text) + static_cast<std::size_t>(name.kind);
    }
  };
};

/// One script or family. Owned by ScriptBook. A script that ran once takes a few hundred bytes:
/// there may be thousands that will not run again.
class ScriptRecord {
public:
  age_cells::Counts waiting;    ///< its open tasks
  std::size_t place_in_mix = 0; ///< scratch of RecentSubmissions

private:
  friend class ScriptBook;
  /// Drawn when it is needed, from what was learnt until then.
  struct Drawing {
    struct Plan {
      int rung;
      std::unique_ptr<PollPlan> plan;
    };
    std::shared_ptr<const RunTimeCurve> curve;
    std::uint32_t pool_version = 0; ///< of the curve, while the pool has a say
    std::vector<Plan> plans;
    std::list<ScriptRecord*>::iterator place; ///< in ScriptBook::drawn_
  };

  ScriptName::Kind kind = ScriptName::Kind::script;
  std::string text;
  ScriptRecord* family = nullptr; ///< while in use; null: none, or this is a family
  std::size_t users = 0;          ///< while above zero the record stays
  std::list<ScriptRecord>::iterator place;
  SubmissionOrder order;
  RunTimeModel model;
  std::unique_ptr<Drawing> drawing;
};

/// Single-threaded. References to records stay valid while they are used. What one call costs does
/// not grow with the number of records.
class ScriptBook {
public:
  /// At most `max_scripts` learnt scripts are kept; of those that nobody uses the one that was used
  /// longest ago goes first.
  explicit ScriptBook(std::size_t max_scripts);

  /// The record of a task's script, made if it is new, to be used until it is released.
  ScriptRecord& acquire(const TaskKeys& keys);
  /// The same for the stored keys of one run, its script's first; null: these are no keys.
  ScriptRecord* acquire(const std::vector<std::string>& keys);
  void use(ScriptRecord& script);
  void release(ScriptRecord& script);

  /// A task was started; and what came of it. The script must be in use.
  void started(ScriptRecord& script, SteadyTime at, JobId job);
  void ended(ScriptRecord& script, SteadyTime at, JobId job, const RunTime& run);
  void dropped(ScriptRecord& script, SteadyTime at, JobId job);
  /// Under which a run is stored: the script's and its family's.
  std::vector<std::string> keys(const ScriptRecord& script) const;

  /// The script, or its family, has run before.
  bool known(const ScriptRecord& script) const;
  /// Valid until the next call of any member.
  const PollPlan& plan(ScriptRecord& script, int rung);
  const PollPlan& plan(const TaskKeys& keys, int rung);
  const PollPlan& plan_of_unknown(int rung) { return drawn_plan(*unknown_, rung); }

  /// Forgets the scripts over the bound; returns the keys of their rows.
  std::vector<std::string> forget_surplus();

  /// In the order in which they came into use, families among them.
  std::list<ScriptRecord>& in_use() { return in_use_; }

private:
  ScriptRecord* find(ScriptName name);
  ScriptRecord& find_or_add(ScriptName name);
  void learn(ScriptRecord& script, const std::vector<RunTime>& runs);
  const PollPlan& drawn_plan(ScriptRecord& script, int rung);
  bool is_outdated(const ScriptRecord& script) const;
  ScriptRecord::Drawing& draw(ScriptRecord& script);
  void drop_plans(ScriptRecord& script);
  void drop_drawing(ScriptRecord& script);

  static constexpr std::size_t max_plans = 2048; // of about 4 KiB
  std::size_t max_scripts_;
  std::list<ScriptRecord> in_use_;
  std::list<ScriptRecord> idle_; // learnt, used by nobody; the one used longest ago first
  std::unordered_map<ScriptName, ScriptRecord*, ScriptName::Hash> records_; // of both lists
  std::unique_ptr<ScriptRecord> unknown_; // stands for all scripts that have not run
  RunTimePool pool_;
  std::size_t learnt_ = 0;         // records that have runs
  std::list<ScriptRecord*> drawn_; // those with a drawing; the one planned longest ago first
  std::size_t plans_ = 0;
};

} // namespace kdq
