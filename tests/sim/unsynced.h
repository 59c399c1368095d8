// What a disk may forget at a power cut: the changes of one file since it was last synced.
#pragma once

#include "tests/sim/random.h"

#include <cstdint>
#include <string>
#include <vector>

namespace kdq::sim {

/// What becomes of the unsynced changes when the power goes.
enum class Forget {
  all,  ///< none of them reached the disk
  some, ///< each of them by chance
  torn  ///< each by chance, and one of them in part
};

/// A write, or a truncation if `truncate` is set: what it replaces and what it puts there.
struct FileChange {
  bool truncate = false;
  std::int64_t offset = 0; ///< of the write; the new size of a truncation
  std::int64_t size_before = 0;
  std::string old_bytes; ///< what the file had from `offset` on, as far as it is replaced
  std::string new_bytes;
};

class UnsyncedFile {
public:
  explicit UnsyncedFile(std::string path) : path_(std::move(path)) {}

  void changed(FileChange change) { changes_.push_back(std::move(change)); }
  /// All changes so far are on the disk.
  void synced() { changes_.clear(); }

  /// Makes the file what it may be after a power cut. Nobody may have it open: closing the
  /// descriptor that this takes would drop SQLite's locks.
  void cut(Forget forget, Random& random);

private:
  std::string path_;
  std::vector<FileChange> changes_;
};

} // namespace kdq::sim
