#include "store/quota_ledger.h"

#include "store/database.h"
#include "store/statement.h"
#include "store/store_error.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace kdq {
namespace {

// Users may write this table too: no day has so many.
constexpr std::int64_t most_requests = std::int64_t{1} << 50;

} // namespace

struct QuotaLedger::Impl {
  explicit Impl(Database& database) : owner(database), db(database.connection()) {
    owner.at_commit(
        this, [this] { keep(committed, spent); }, [this] { keep(spent, committed); });
  }
  ~Impl() { owner.at_commit(this, nullptr, nullptr); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Database& owner;
  SQLite::Database& db;
  struct Spent {
    QuotaKey key;
    std::int64_t allowed = 0;
    std::int64_t used = 0;
  };
  using Budget = std::tuple<std::string, Endpoint, std::string, std::string>; // ..., day, class
  using SpentByBudget = std::map<Budget, Spent>;
  SpentByBudget spent;      ///< as of the last change, or the first used(), of a day
  SpentByBudget committed;  ///< the same, as far as it was committed
  std::set<Budget> changed; ///< by this transaction

  static Budget budget(const QuotaKey& key) {
    return {key.app, key.endpoint, key.day, key.job_class};
  }
  /// Of each app and endpoint two days are known: a request may count on the next one, too.
  static void know(SpentByBudget& known, const Spent& found) {
    const Budget added = budget(found.key);
    if (!known.try_emplace(added, found).second)
      return;
    const auto is_same = [&](const auto& entry) {
      return entry.second.key.app == found.key.app &&
             entry.second.key.endpoint == found.key.endpoint;
    };
    std::vector<SpentByBudget::iterator> days; // where each begins
    auto at = known.lower_bound({found.key.app, found.key.endpoint, "", ""});
    while (at != known.end() && is_same(*at)) {
      days.push_back(at);
      at = known.lower_bound( // the least text behind the day's
          {found.key.app, found.key.endpoint, at->second.key.day + '\0', ""});
    }
    if (days.size() <= 2)
      return;
    if (days.front()->second.key.day == found.key.day)
      known.erase(days.back(), at);
    else
      known.erase(days.front(), days[1]);
  }
  void keep(SpentByBudget& stale, const SpentByBudget& valid) {
    for (const Budget& budget : std::exchange(changed, {})) {
      const auto found = valid.find(budget);
      if (found != valid.end())
        stale.insert_or_assign(budget, found->second);
      else
        stale.erase(budget);
    }
  }
  void set(const QuotaKey& key, std::int64_t allowed, std::int64_t requests) {
    spent.insert_or_assign(budget(key), Spent{key, allowed, requests});
    changed.insert(budget(key));
  }
  /// The statements of one table; class_starts has no column for what is allowed.
  struct Table {
    Statement take;
    Statement give_back;
    Statement keep_spent;
    Statement used;
  };
  Table& table(const QuotaKey& key) { return key.job_class.empty() ? of_apps : of_classes; }
  /// What stands between app and day in the key of the table.
  static std::string part(const QuotaKey& key) {
    return key.job_class.empty() ? std::string(to_text(key.endpoint)) : key.job_class;
  }
  Table of_apps{{db, "INSERT INTO quota(app, endpoint, day, allowed, used) "
                     "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT "
                     "DO UPDATE SET used = used + excluded.used, allowed = excluded.allowed"},
                {db, "UPDATE quota SET used = max(0, used - ?4) "
                     "WHERE app = ?1 AND endpoint = ?2 AND day = ?3"},
                {db, "INSERT INTO quota(app, endpoint, day, allowed, used) "
                     "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT "
                     "DO UPDATE SET used = max(used, excluded.used)"},
                {db, "SELECT used, allowed FROM quota "
                     "WHERE app = ?1 AND endpoint = ?2 AND day = ?3"}};
  Table of_classes{{db, "INSERT INTO class_starts(app, class, day, starts) "
                        "VALUES (?1, ?2, ?3, ?5) ON CONFLICT "
                        "DO UPDATE SET starts = starts + excluded.starts"},
                   {db, "UPDATE class_starts SET starts = max(0, starts - ?4) "
                        "WHERE app = ?1 AND class = ?2 AND day = ?3"},
                   {db, "INSERT INTO class_starts(app, class, day, starts) "
                        "VALUES (?1, ?2, ?3, ?5) ON CONFLICT "
                        "DO UPDATE SET starts = max(starts, excluded.starts)"},
                   {db, "SELECT starts, 0 FROM class_starts "
                        "WHERE app = ?1 AND class = ?2 AND day = ?3"}};
  // Each class that is new on a day takes some old ones away: the table does not grow for ever.
  Statement forget_old{db, "DELETE FROM class_starts WHERE (app, day, class) IN "
                           "(SELECT app, day, class FROM class_starts WHERE app = ?1 AND "
                           "day < date(?2, '-7 days') LIMIT 10)"};
  Statement spent_by_others{
      db, "UPDATE quota SET others = min(max(0, others), used) + max(0, ?4 - used), "
          "used = max(used, ?4) "
          "WHERE app = ?1 AND endpoint = ?2 AND day = ?3"};
};

QuotaLedger::QuotaLedger(Database& database) : impl_(std::make_unique<Impl>(database)) {}
QuotaLedger::~QuotaLedger() = default;

std::int64_t QuotaLedger::take(const QuotaKey& key, std::int64_t allowed, std::int64_t wanted) {
  const std::int64_t before = used(key);
  const std::int64_t granted = std::min(wanted, allowed - before);
  if (granted <= 0)
    return 0;
  if (impl_->table(key).take.run(key.app, Impl::part(key), key.day, allowed, granted) != 1)
    throw_ignored(impl_->db, key.job_class.empty() ? "quota" : "class_starts",
                  "the app " + key.app);
  if (before == 0 && !key.job_class.empty())
    impl_->forget_old.run(key.app, key.day);
  impl_->set(key, allowed, before + granted);
  return granted;
}

bool QuotaLedger::keep_spent() {
  bool lacked = false;
  for (const auto& [budget, spent] : impl_->spent) {
    const QuotaKey& key = spent.key;
    const std::string part = Impl::part(key);
    Impl::Table& table = impl_->table(key);
    if (spent.used <= table.used.integer(key.app, part, key.day).value_or(0))
      continue;
    lacked = true;
    table.keep_spent.run(key.app, part, key.day, spent.allowed, spent.used);
  }
  return lacked;
}

void QuotaLedger::give_back(const QuotaKey& key, std::int64_t requests) {
  if (requests <= 0)
    return;
  impl_->table(key).give_back.run(key.app, Impl::part(key), key.day, requests);
  if (const auto found = impl_->spent.find(Impl::budget(key)); found != impl_->spent.end())
    impl_->set(key, found->second.allowed,
               std::max<std::int64_t>(0, found->second.used - requests));
}

void QuotaLedger::spent_by_others(const QuotaKey& key, std::int64_t allowed) {
  impl_->spent_by_others.run(key.app, key.endpoint, key.day, allowed);
}

std::int64_t QuotaLedger::used(const QuotaKey& key) {
  Impl::Spent found{key};
  impl_->table(key).used.each(
      [&](SQLite::Statement& row) {
        found.used = std::clamp<std::int64_t>(row.getColumn(0).getInt64(), 0, most_requests);
        found.allowed = row.getColumn(1).getInt64();
        return true;
      },
      key.app, Impl::part(key), key.day);
  // Later only what is taken counts: the file may have been restored meanwhile.
  for (Impl::SpentByBudget* known : {&impl_->spent, &impl_->committed})
    Impl::know(*known, found);
  return found.used;
}

} // namespace kdq
