// How an older copy of the queue is known for one, and whether its jobs are still being held.
#pragma once

#include "store/job.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace kdq {

class Database;

/// A moment in the life of a queue: numbers only grow.
struct Generation {
  std::string queue; ///< its name, made up at its first start
  std::int64_t number = 0;
};

/// What a file says of itself.
struct FileOrigin {
  std::optional<Generation> generation; ///< nothing: no daemon has worked with it yet
  /// In a backup: when it was made, as written by to_text(); empty: not known.
  std::optional<std::string> backup_of;
  bool stopped_in_order = false; ///< its daemon was asked to stop, and no other one has begun since
  std::string last_seen;         ///< when a daemon last said so, as to_text(); empty: never
};

/// The jobs of a restored queue are being held.
struct Holding {
  std::string why; ///< `the backup of 2026-01-31 09:05:00 UTC`
  JobId to;        ///< those up to this one
};

/// The table `generation`. Single-threaded; must not outlive the Database.
class GenerationTable {
public:
  explicit GenerationTable(Database& database);
  ~GenerationTable();

  // --- inside of Database::read() -------------------------------------------------------------
  FileOrigin origin();
  std::optional<Holding> holding();

  // --- inside of Database::write() ------------------------------------------------------------
  /// The file is the queue from now on, at this number or a higher one; without a name it gets one.
  void settle(const Generation& generation);
  /// The jobs up to the newest one are to be held since `now`; nothing: all are.
  void hold(const std::optional<std::string>& why, WallTime now);
  /// One more; returns the number.
  std::int64_t count_up();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// `<database>.generation`: never ahead of the table. Single-threaded; the instance lock keeps
/// others away from it.
class GenerationFile {
public:
  explicit GenerationFile(const std::filesystem::path& database);

  /// Nothing: there is none, or it cannot be read.
  std::optional<Generation> read() const;
  /// The table must be durable. What is there is overwritten in its place: after a power cut the
  /// file may be older, never unreadable. Empty, or a sentence.
  std::string write(const Generation& generation) const;

private:
  std::filesystem::path path_;
};

} // namespace kdq
