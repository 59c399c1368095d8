// What the daemon says of its backups.
#pragma once

#include "store/base/time.h"

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace kdq {

class Database;

/// The table `backup`, of which the view health tells. Single-threaded; must not outlive the
/// Database.
class BackupTable {
public:
  explicit BackupTable(Database& database);
  ~BackupTable();

  /// When the last good one was made; nothing: there is none. Inside of Database::read().
  std::optional<WallTime> made_at();

  // --- inside of Database::write() ------------------------------------------------------------
  void configured(const std::filesystem::path& directory, std::chrono::seconds every, WallTime now);
  /// None are wanted.
  void not_configured();
  void made(const std::filesystem::path& file, WallTime made_at);
  void failed(const std::string& sentence, WallTime now);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
