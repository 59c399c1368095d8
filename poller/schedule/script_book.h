// What is known of every script, and the plans made from it. Bounded; no clock, no randomness.
#pragma once

#include "poller/schedule/open_task.h"
#include "poller/schedule/poll_plan.h"
#include "poller/schedule/run_time_model.h"
#include "poller/schedule/submission_order.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace kdq {

/// One script or family. Owned by ScriptBook; the counters are kept by its users.
struct ScriptRecord {
  std::string key;
  ScriptRecord* family = nullptr; ///< null: none, or this is a family
  std::size_t users = 0;          ///< while above zero the record stays
  std::size_t recent = 0;         ///< of the last submissions, how many were of this script
  std::map<std::pair<int, int>, std::size_t> waiting; ///< tasks by (rungs off, age cell)
  SubmissionOrder order;

private:
  friend class ScriptBook;
  struct Plan {
    int rung;
    std::unique_ptr<PollPlan> plan;
  };
  std::unique_ptr<RunTimeModel> model; // null: no run yet
  std::shared_ptr<const RunTimeCurve> curve;
  std::uint32_t pool_version = 0; // of the curve, while the pool has a say
  std::vector<Plan> plans;        // made from the curve
  std::uint64_t last_learnt = 0;
};

/// Single-threaded. References to records stay valid while `users` is above zero.
class ScriptBook {
public:
  /// At most `max_scripts` learnt scripts are kept; the one that learnt longest ago goes first.
  explicit ScriptBook(std::size_t max_scripts);

  /// The record of a task's script, made if it is new; `users` is raised by one, its family's too.
  ScriptRecord& acquire(const TaskKeys& keys);
  /// The same for the stored keys of one run, its script's first; release() the first record.
  std::vector<ScriptRecord*> acquire_stored(const std::vector<std::string>& keys);
  /// Gives back what acquire() took.
  void release(ScriptRecord& script);

  /// The script, or its family, has run before.
  bool known(const ScriptRecord& script) const;
  void learn(ScriptRecord& script, const RunTime& run);
  /// Valid until the next call of any member.
  const PollPlan& plan(ScriptRecord& script, int rung);
  const PollPlan& plan_of_unknown(int rung) { return plan(unknown_, rung); }

  /// Forgets the scripts over the bound; returns their keys.
  std::vector<std::string> forget_surplus();

  using Records = std::map<std::string, ScriptRecord, std::less<>>;
  Records& records() { return records_; }
  std::size_t learnt() const { return learnt_; }

  /// The keys under which the runs of a task are stored.
  static std::string script_key(const TaskKeys& keys) { return "s:" + keys.script; }
  static std::string family_key(const TaskKeys& keys) { return "f:" + keys.family; }

private:
  ScriptRecord& hold(const std::string& key);
  ScriptRecord& source(ScriptRecord& script);
  void drop_plans(ScriptRecord& script);
  void draw_curve(ScriptRecord& script);

  static constexpr std::size_t max_plans = 8192; // of about 4 KiB
  std::size_t max_scripts_;
  Records records_;
  ScriptRecord unknown_;
  RunTimePool pool_;
  std::size_t learnt_ = 0; // records with a model
  std::size_t plans_ = 0;
  std::uint64_t learnings_ = 0;
};

} // namespace kdq
