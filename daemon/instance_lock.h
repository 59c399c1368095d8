// One daemon per database.
#pragma once

#include "store/base/file_names.h"
#include "store/base/unique_fd.h"

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

namespace kdq {

/// Another daemon works on the database, or the lock file cannot be used; the text says which.
struct LockError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Holds `<database>.lock` for its lifetime. A file of its own, because closing any descriptor of
/// the database file would drop SQLite's locks. The file stays behind: removing it could separate
/// two daemons that wait for the same name.
class InstanceLock {
public:
  /// Throws LockError, which names the process id of the holder.
  explicit InstanceLock(const std::filesystem::path& database);

  /// The name of the lock file, if it does not lead to the one that is locked any more: another
  /// daemon could start then.
  std::optional<std::filesystem::path> displaced() const { return name_.changed(); }

  /// Who works on the database now, as the lock file says (`?` if it says nothing); none if nobody.
  static std::optional<std::string> holder(const std::filesystem::path& database);

private:
  UniqueFd fd_;
  FileNames name_;
};

} // namespace kdq
