// The product: moves jobs from queued to their end, one tick at a time.
#pragma once

#include "poller/clock.h"
#include "poller/events.h"
#include "poller/settings.h"
#include "poller/tokens.h"
#include "poller/transport.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace kdq {

class Database;

/// Single-threaded. Everything passed in must outlive the engine.
/// Throws only what the store throws when the database is broken (store/database.h).
class Engine {
public:
  Engine(EngineSettings settings, Database& database, Transport& transport, Clock& clock,
         Tokens& tokens, Events& events);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Takes up what the last run left: running tasks go on, open intents are judged.
  /// Call before the first tick(), again after a StoreUnavailable, until it returns.
  void recover();

  /// Does all that is due: stores replies, notices INSERTs and cancels, starts jobs, asks.
  /// Returns when it wants to be called again if nothing happens before.
  SteadyTime tick();

  /// Goes on with these from the next tick() on; what runs is followed on, of an app that is not
  /// configured any more without being asked for. `version` and `jitter_seed` stay.
  void configure(EngineSettings settings);
  /// The last tick() took them.
  bool took_settings() const;
  /// Why the settings that were wanted last are not taken, or only in part; empty: they are.
  void tell_config_trouble(const std::string& sentence);

  /// A foreign commit was seen by the last tick().
  bool saw_foreign_change() const;

  /// Counts up with each row of `notifications` that was written, or may have been.
  std::uint64_t notices_left() const;
  /// Who is to be told, as of the settings in use.
  const std::vector<NotifyRule>& notify_rules() const;

  /// No new request will be sent; replies are still stored.
  void stop();
  /// For the end, when the database still cannot be written: keeps the replies that are in memory
  /// in the spill file, which the next recover() stores. Never throws what the store throws.
  void spill();
  /// For an orderly end: notes it in the database, then spill().
  void finish();
  /// Requests that have no stored answer yet, without those whose answer the database refuses: what
  /// came for these is stored by the next start, if not soon.
  std::size_t in_flight() const;
  /// Replies that have come and are in memory alone.
  std::size_t unsaved_replies() const;

  EngineStatus status() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
