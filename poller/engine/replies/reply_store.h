// Stores what came back, and only then lets it have consequences: decide, save, remember.
#pragma once

#include "poller/engine/replies/effects.h"
#include "poller/transport.h"

#include <cstddef>
#include <deque>
#include <list>
#include <optional>
#include <variant>
#include <vector>

namespace kdq {

class Clock;
class Database;
class EffectMemory;
class EffectWriter;
class Events;
class FactReader;
class InFlightTable;
class Jitter;
class RefusedJobs;
class SpillFile;
struct StoreUnavailable;

/// Holds replies until they are committed.
class ReplyStore {
public:
  ReplyStore(Database& database, Clock& clock, FactReader& facts, EffectWriter& writer,
             EffectMemory& memory, const TaskTable& tasks, InFlightTable& in_flight, Events& events,
             Jitter& jitter, RefusedJobs& refused);

  /// Takes a reply into memory. One that answers no request of ours is told as trouble and ignored.
  void add(Reply reply);
  void add(ReplyOutcome outcome);
  void add(Effects effects) { unsaved_.emplace_back(std::move(effects)); }
  std::size_t unsaved() const { return unsaved_.size() + long_.size() + refused_ones_.size(); }
  /// Whether something about this job is among them.
  bool holds(JobId job) const;
  /// How many log entries of the reply to this request are stored already; nothing: it is not among
  /// them.
  std::optional<std::size_t> entries_stored(const Intent& intent) const;

  /// Commits them in batches until all are or the time has come; one batch in any case. Of one with
  /// very many lines a piece is committed, if it is due: other work goes on between its pieces, and
  /// what follows from it comes with the last one. One that the database refuses waits by itself.
  /// They are on disk after the next Database::durable(), which comes before anything is sent.
  /// Throws StoreUnavailable: what is not committed stays.
  void save(SteadyTime until = SteadyTime::max());
  /// When save() has something to do; far future: never.
  SteadyTime next_wake() const;

  /// Writes what is not stored to the spill file; nothing is left to be saved then.
  void spill(SpillFile& file);
  /// Forgets what is not stored, because it will be read again.
  void clear();
  /// Forgets what came in answer to this request and is not stored.
  void forget(RequestId request);

private:
  /// As it came, and from its first batch on as it was decided.
  using Unsaved = std::variant<ReplyOutcome, Effects>;

  std::size_t next_batch() const;
  void decide_batch(std::size_t count, Moment now);
  void save_batch(std::size_t count, Moment now);
  void commit(const std::vector<const Effects*>& batch, Moment now);
  void save_refused(SteadyTime until);
  void save_piece();
  bool store_piece(ReplyOutcome& reply, WallTime now);
  void set_aside(JobId job, const StoreUnavailable& error);

  Database& database_;
  Clock& clock_;
  FactReader& facts_;
  EffectWriter& writer_;
  EffectMemory& memory_;
  const TaskTable& tasks_;
  InFlightTable& in_flight_;
  Events& events_;
  Jitter& jitter_;
  RefusedJobs& refused_;
  std::deque<Unsaved> unsaved_;
  std::list<Effects> refused_ones_; ///< each alone in a transaction that was refused
  std::size_t most_replies_;        ///< of the next transaction
  std::deque<ReplyOutcome> long_;   ///< whose lines are stored in pieces
  SteadyTime next_piece_{};
};

} // namespace kdq
