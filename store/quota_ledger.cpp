#include "store/quota_ledger.h"

#include "store/database.h"
#include "store/statement.h"

namespace kdq {

struct QuotaLedger::Impl {
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;
  Statement take{db, "INSERT INTO quota(app, endpoint, day, allowed, used) "
                     "SELECT ?1, ?2, ?3, ?4, 1 WHERE ?4 > 0 "
                     "ON CONFLICT DO UPDATE SET used = used + 1, allowed = excluded.allowed "
                     "WHERE used < excluded.allowed"};
  Statement give_back{db, "UPDATE quota SET used = used - 1 "
                          "WHERE app = ?1 AND endpoint = ?2 AND day = ?3 AND used > 0"};
  Statement spent_by_others{db, "UPDATE quota SET others = others + max(0, ?4 - used), "
                                "used = max(used, ?4) "
                                "WHERE app = ?1 AND endpoint = ?2 AND day = ?3"};
  Statement used{db, "SELECT used FROM quota WHERE app = ?1 AND endpoint = ?2 AND day = ?3"};
};

QuotaLedger::QuotaLedger(Database& database)
    : impl_(std::make_unique<Impl>(database.connection())) {}
QuotaLedger::~QuotaLedger() = default;

bool QuotaLedger::take(const QuotaKey& key, std::int64_t allowed) {
  return impl_->take.run(key.app, key.endpoint, key.day, allowed) == 1;
}

void QuotaLedger::give_back(const QuotaKey& key) {
  impl_->give_back.run(key.app, key.endpoint, key.day);
}

void QuotaLedger::spent_by_others(const QuotaKey& key, std::int64_t allowed) {
  impl_->spent_by_others.run(key.app, key.endpoint, key.day, allowed);
}

std::int64_t QuotaLedger::used(const QuotaKey& key) {
  return impl_->used.integer(key.app, key.endpoint, key.day).value_or(0);
}

} // namespace kdq
