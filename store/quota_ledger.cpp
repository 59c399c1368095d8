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
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;
  struct Spent {
    QuotaKey key;
    std::int64_t allowed = 0;
    std::int64_t used = 0;
  };
  /// As of the start or the last take(), by app and endpoint. A transaction that is not committed
  /// may leave too much in it.
  std::map<std::pair<std::string, Endpoint>, Spent> spent;
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
  Statement used{db, "SELECT used FROM quota WHERE app = ?1 AND endpoint = ?2 AND day = ?3"};
};

QuotaLedger::QuotaLedger(Database& database)
    : impl_(std::make_unique<Impl>(database.connection())) {}
QuotaLedger::~QuotaLedger() = default;

std::int64_t QuotaLedger::take(const QuotaKey& key, std::int64_t allowed, std::int64_t wanted) {
  const std::int64_t before = used(key);
  const std::int64_t granted = std::min(wanted, allowed - before);
  if (granted <= 0)
    return 0;
  if (impl_->take.run(key.app, key.endpoint, key.day, allowed, granted) != 1)
    throw_ignored(impl_->db, "quota", "the app " + key.app);
  impl_->spent.insert_or_assign({key.app, key.endpoint},
                                Impl::Spent{key, allowed, before + granted});
  return granted;
}

void QuotaLedger::remember(const QuotaKey& key, std::int64_t allowed) {
  if (const std::int64_t spent = used(key); spent > 0)
    impl_->spent.insert_or_assign({key.app, key.endpoint}, Impl::Spent{key, allowed, spent});
}

void QuotaLedger::keep_spent() {
  for (const auto& [name, spent] : impl_->spent)
    impl_->keep_spent.run(spent.key.app, spent.key.endpoint, spent.key.day, spent.allowed,
                          spent.used);
}

void QuotaLedger::give_back(const QuotaKey& key, std::int64_t requests) {
  if (requests > 0)
    impl_->give_back.run(key.app, key.endpoint, key.day, requests);
}

void QuotaLedger::spent_by_others(const QuotaKey& key, std::int64_t allowed) {
  impl_->spent_by_others.run(key.app, key.endpoint, key.day, allowed);
}

std::int64_t QuotaLedger::used(const QuotaKey& key) {
  return std::clamp<std::int64_t>(impl_->used.integer(key.app, key.endpoint, key.day).value_or(0),
                                  0, most_requests);
}

} // namespace kdq
