// What the table `apps` says: each app's state, in words, with the figures the views need.
#pragma once

#include "poller/engine/app_states.h"
#include "store/status_tables.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace kdq {

class Database;
class Events;
class MetricCounters;
class Notices;
class TaskTable;
struct AppState;
struct EngineSettings;

std::string without_digits(std::string text);

/// Whether two sentences differ in their numbers only: such a change is not worth a write, or a
/// line in the log, of its own.
bool same_but_for_numbers(const std::string& a, const std::string& b);

/// Keeps the rows in step with little writing: a change of state at once, mere figures only along
/// with something else, so that an idle daemon writes nothing.
class StatusWriter {
public:
  StatusWriter(StatusTables& tables, MetricCounters& metrics, const Database& database,
               const TaskTable& tasks, AppStates& apps, Events& events, Notices& notices,
               const EngineSettings& settings)
      : tables_(tables), metrics_(metrics), database_(database), tasks_(tasks), apps_(apps),
        events_(events), notices_(notices), settings_(settings) {}

  /// At the start: the daemon's own row, all apps, none that is not configured any more. Inside of
  /// Database::write().
  void begin(Moment now);
  /// Why others, that were wanted, are not taken; empty: none are.
  void config_trouble(const std::string& sentence);
  /// What the tables say is not what is to be there: the file may be a restored one, the settings
  /// are others, or which apps there are.
  void forget();
  /// Whether it was long ago that the tables were told that the daemon runs.
  bool is_unseen(SteadyTime now) const;
  /// A person should know of a change: write() is to be called.
  bool is_stale(Moment now) const;
  /// Inside of Database::write().
  void write(Moment now);
  /// Inside of a Database::write() that happens anyway: the figures, if they are old.
  void ride_along(Moment now);
  /// The transaction of the last write() or ride_along() was committed.
  void committed();

  /// Why an app does not send, or sends only one kind of request; empty: nothing is in the way.
  std::string trouble(const AppState& app, Moment now) const;
  /// Tells Events which apps have begun or ceased to have trouble since the last call.
  void tell_changes(Moment now);

private:
  AppRow row(const AppState& app, Moment now) const;
  void write_settings();
  std::optional<std::int64_t> long_log() const;

  StatusTables& tables_;
  MetricCounters& metrics_;
  const Database& database_;
  const TaskTable& tasks_;
  AppStates& apps_;
  Events& events_;
  Notices& notices_;
  const EngineSettings& settings_;
  std::string config_trouble_;
  bool settings_shown_ = false;
  bool settings_written_ = false;           ///< but not known to be committed
  std::map<std::string, AppRow> shown_;     ///< by app
  std::map<std::string, AppRow> next_;      ///< written, but not known to be committed
  std::map<std::string, std::string> told_; ///< by app: the trouble that Events knows of
  std::optional<std::int64_t> shown_log_;   ///< MB
  std::optional<std::int64_t> next_log_;
  SteadyTime shown_at_{}; ///< when the last write() was committed
  SteadyTime next_at_{};
};

} // namespace kdq
