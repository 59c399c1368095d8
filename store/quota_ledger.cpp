#include "store/quota_ledger.h"

#include "store/database.h"
#include "store/statement.h"
#include "store/store_error.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

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
  using SpentByApp = std::map<std::pair<std::string, Endpoint>, Spent>;
  SpentByApp spent;     ///< as of the last change, or the first used(), of a day
  SpentByApp committed; ///< the same, as far as it was committed
  bool changed = false; ///< by this transaction

  void keep(SpentByApp& stale, const SpentByApp& valid) {
    if (std::exchange(changed, false))
      stale = valid;
  }
  void set(const QuotaKey& key, std::int64_t allowed, std::int64_t requests) {
    spent.insert_or_assign({key.app, key.endpoint}, Spent{key, allowed, requests});
    changed = true;
  }
  Statement take{db, "INSERT INTO quota(app, endpoint, day, allowed, used) "
                     "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT "
                     "DO UPDATE SET used = used + excluded.used, allowed = excluded.allowed"};
  Statement give_back{db, "UPDATE quota SET used = max(0, used - ?4) "
                          "WHERE app = ?1 AND endpoint = ?2 AND day = ?3"};
  Statement spent_by_others{
      db, "UPDATE quota SET others = min(max(0, others), used) + max(0, ?4 - used), "
          "used = max(used, ?4) "
          "WHERE app = ?1 AND endpoint = ?2 AND day = ?3"};
  Statement keep_spent{db, "INSERT INTO quota(app, endpoint, day, allowed, used) "
                           "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT "
                           "DO UPDATE SET used = max(used, excluded.used)"};
  Statement used{db, "SELECT used, allowed FROM quota "
                     "WHERE app = ?1 AND endpoint = ?2 AND day = ?3"};
};

QuotaLedger::QuotaLedger(Database& database) : impl_(std::make_unique<Impl>(database)) {}
QuotaLedger::~QuotaLedger() = default;

std::int64_t QuotaLedger::take(const QuotaKey& key, std::int64_t allowed, std::int64_t wanted) {
  const std::int64_t before = used(key);
  const std::int64_t granted = std::min(wanted, allowed - before);
  if (granted <= 0)
    return 0;
  if (impl_->take.run(key.app, key.endpoint, key.day, allowed, granted) != 1)
    throw_ignored(impl_->db, "quota", "the app " + key.app);
  impl_->set(key, allowed, before + granted);
  return granted;
}

bool QuotaLedger::keep_spent() {
  bool lacked = false;
  for (const auto& [name, spent] : impl_->spent) {
    const QuotaKey& key = spent.key;
    if (spent.used <= impl_->used.integer(key.app, key.endpoint, key.day).value_or(0))
      continue;
    lacked = true;
    impl_->keep_spent.run(key.app, key.endpoint, key.day, spent.allowed, spent.used);
  }
  return lacked;
}

void QuotaLedger::give_back(const QuotaKey& key, std::int64_t requests) {
  if (requests <= 0)
    return;
  impl_->give_back.run(key.app, key.endpoint, key.day, requests);
  if (const auto found = impl_->spent.find({key.app, key.endpoint});
      found != impl_->spent.end() && found->second.key.day == key.day)
    impl_->set(key, found->second.allowed,
               std::max<std::int64_t>(0, found->second.used - requests));
}

void QuotaLedger::spent_by_others(const QuotaKey& key, std::int64_t allowed) {
  impl_->spent_by_others.run(key.app, key.endpoint, key.day, allowed);
}

std::int64_t QuotaLedger::used(const QuotaKey& key) {
  Impl::Spent found{key};
  impl_->used.each(
      [&](SQLite::Statement& row) {
        found.used = std::clamp<std::int64_t>(row.getColumn(0).getInt64(), 0, most_requests);
        found.allowed = row.getColumn(1).getInt64();
        return true;
      },
      key.app, key.endpoint, key.day);
  // Later only what is taken counts: the file may have been restored meanwhile.
  for (Impl::SpentByApp* known : {&impl_->spent, &impl_->committed}) {
    const auto [entry, first] = known->try_emplace({key.app, key.endpoint}, found);
    if (!first && entry->second.key.day != key.day)
      entry->second = found;
  }
  return found.used;
}

} // namespace kdq
