#include "tests/sim/restores.h"

#include <SQLiteCpp/Statement.h>

#include <algorithm>
#include <utility>

namespace kdq::sim {

Restores::Counts Restores::today_of(SQLite::Database& database) {
  Counts counts;
  SQLite::Statement today(database, "SELECT date('now', '+8 hours')");
  today.executeStep();
  counts.day = today.getColumn(0).getString();
  SQLite::Statement query(database, "SELECT app, endpoint, used - others FROM quota WHERE day = ?");
  query.bind(1, counts.day);
  while (query.executeStep())
    counts.spent[{query.getColumn(0).getString(), query.getColumn(1).getString()}] =
        query.getColumn(2).getInt64();
  return counts;
}

void Restores::restored(Wire& wire, Counts spent) {
  ++count_;
  wire.restored(*backup_);
  uncounted_ = std::move(spent);
}

void Restores::before_send(SQLite::Database& database, std::vector<std::string>& violations) {
  Counts counted = today_of(database);
  if (counted.day == uncounted_.day)
    for (const auto& [key, spent] : uncounted_.spent)
      if (const std::int64_t now = counted.spent[key]; now < spent)
        violations.push_back("after a restore a request leaves, and of " + key.first + " " +
                             key.second + " only " + std::to_string(now) +
                             " requests are counted, there were " + std::to_string(spent));
  uncounted_.spent.clear();
}

void Restores::daemon_ended(SQLite::Database& database) {
  Counts counted = today_of(database);
  if (counted.day == uncounted_.day)
    for (const auto& [key, spent] : uncounted_.spent)
      forgotten_[key] += std::max<std::int64_t>(0, spent - counted.spent[key]);
  uncounted_.spent.clear();
}

std::int64_t Restores::forgotten(const std::string& app, const std::string& endpoint) const {
  const auto found = forgotten_.find({app, endpoint});
  return found == forgotten_.end() ? 0 : found->second;
}

} // namespace kdq::sim
