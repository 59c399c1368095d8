// Backups that are restored into the live database: what each of them undoes, and what it must not.
#pragma once

#include "poller/settings.h"
#include "tests/sim/wire.h"

#include <SQLiteCpp/Database.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kdq::sim {

/// What was spent of a quota day stays spent: the daemon counts it again before it sends anything.
/// Only where its memory of it ended before that, the restored count is what there is.
class Restores {
public:
  void backed_up(const Wire& wire) { backup_ = wire.bookmark(); }
  bool can_restore() const { return backup_.has_value(); }
  bool sent_since_backup(const Wire& wire) const { return wire.sent().size() > backup_->sent; }
  /// `spent`: today_of() just before it.
  struct Counts {
    std::string day;
    std::map<std::pair<std::string, std::string>, std::int64_t> spent;
  };
  void restored(Wire& wire, Counts spent);
  /// What stands in the ledger for today, by app and endpoint.
  static Counts today_of(SQLite::Database& database);

  /// A request leaves.
  void before_send(SQLite::Database& database, std::vector<std::string>& violations);
  /// The daemon that met the restore is no more, and the next one is not there yet.
  void daemon_ended(SQLite::Database& database);
  bool is_uncounted() const { return !uncounted_.spent.empty(); }

  std::size_t count() const { return count_; }
  /// Requests that nobody could count again.
  std::int64_t forgotten(const std::string& app, const std::string& endpoint) const;

private:
  std::optional<Wire::Bookmark> backup_;
  Counts uncounted_; ///< what was spent before the restore, until it is seen to be counted
  std::map<std::pair<std::string, std::string>, std::int64_t> forgotten_;
  std::size_t count_ = 0;
};

} // namespace kdq::sim
