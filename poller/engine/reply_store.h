// Stores what came back, and only then lets it have consequences.
#pragma once

#include "poller/engine/engine_state.h"

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace kdq {

/// Holds replies until they are durable: while it is not empty, nothing may be sent.
class ReplyStore {
public:
  explicit ReplyStore(EngineState& state) : state_(state) {}

  /// Takes a reply into memory.
  void add(Reply reply);
  void add(ReplyOutcome outcome) { unsaved_.push_back({std::move(outcome), {}, {}}); }
  std::size_t unsaved() const { return unsaved_.size(); }

  /// Commits them in batches until all are or the time has come; one batch in any case. They are on
  /// disk after the next Database::durable(), which comes before anything is sent. Throws
  /// StoreUnavailable: what is not committed stays.
  void save(SteadyTime until = SteadyTime::max());

  /// Writes what is not stored to the spill file; nothing is left to be saved then.
  void spill(SpillFile& file);

  /// Ends running jobs that were never seen to end. Throws StoreUnavailable: nothing happened.
  void give_up(const std::vector<JobId>& jobs, const std::string& error);

private:
  struct Unsaved {
    ReplyOutcome outcome;
    std::optional<Learnt>
        learnt;            ///< from it; asked of the schedule once, however often it is saved
    WallTime try_again_at; ///< when the job runs again, if the script failed and it may
  };
  struct Step {
    /// What the job is after it; nothing: the user has cancelled or deleted it meanwhile.
    std::optional<JobState> state;
    std::string error;
  };
  std::size_t next_batch() const;
  StatusChange conclude(const ReplyOutcome& outcome, Moment now) const;
  void prepare(Unsaved& unsaved, const StatusChange& change, Moment now);
  void store_learnt(const Unsaved& unsaved, Moment now);
  Step apply(const Unsaved& unsaved, StatusChange change, Moment now);
  Step apply_start(const ReplyOutcome& outcome, WallTime now);
  Step apply_poll(const ReplyOutcome& outcome, StatusChange change, WallTime now);
  void follow_up(const ReplyOutcome& outcome, const Step& step, Moment now);
  void tell_gate(const ReplyOutcome& outcome, Moment now);
  void follow_up_start(const ReplyOutcome& outcome);
  void follow_up_poll(const ReplyOutcome& outcome, Moment now);

  EngineState& state_;
  std::deque<Unsaved> unsaved_;
  std::map<std::pair<std::string, WallTime>, std::int64_t> starts_; ///< of this transaction
};

} // namespace kdq
