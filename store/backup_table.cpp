#include "store/backup_table.h"

#include "store/database.h"
#include "store/statement.h"

namespace kdq {

struct BackupTable::Impl {
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;
  Statement made_at{db, "SELECT made_at FROM backup"};
  Statement configured{db, "INSERT INTO backup(one, directory, every_s, since) "
                           "VALUES (1, ?1, ?2, ?3) ON CONFLICT DO UPDATE SET "
                           "since = iif(directory = excluded.directory AND "
                           "every_s = excluded.every_s, since, excluded.since), "
                           "directory = excluded.directory, every_s = excluded.every_s"};
  Statement not_configured{db, "DELETE FROM backup"};
  Statement made{db, "UPDATE backup SET made_at = ?1, file = ?2, error = NULL, failed_at = NULL"};
  Statement failed{db, "UPDATE backup SET error = ?1, failed_at = coalesce(failed_at, ?2)"};
};

BackupTable::BackupTable(Database& database)
    : impl_(std::make_unique<Impl>(database.connection())) {}
BackupTable::~BackupTable() = default;

std::optional<WallTime> BackupTable::made_at() {
  const auto text = impl_->made_at.text();
  return text ? parse_time(*text) : std::nullopt;
}

void BackupTable::configured(const std::filesystem::path& directory, std::chrono::seconds every,
                             WallTime now) {
  impl_->configured.run(directory.string(), std::int64_t{every.count()}, now);
}

void BackupTable::not_configured() {
  impl_->not_configured.run();
}

void BackupTable::made(const std::filesystem::path& file, WallTime made_at) {
  impl_->made.run(made_at, file.string());
}

void BackupTable::failed(const std::string& sentence, WallTime now) {
  impl_->failed.run(sentence, now);
}

} // namespace kdq
