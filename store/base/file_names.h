// Whether names still lead to the files that were opened under them.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <vector>

namespace kdq {

/// Somebody may rename, remove or replace a file that is in use: what has it open does not notice.
class FileNames {
public:
  /// The name leads to what it leads to now; nothing is remembered of a name without a file.
  void remember(const std::filesystem::path& name);
  /// The name led to the file that is open.
  void remember(const std::filesystem::path& name, int fd);
  /// The first of them that leads elsewhere, or nowhere.
  std::optional<std::filesystem::path> changed() const;
  /// Whether there is a file under this name, and it is not the one that is remembered.
  bool leads_to_other(const std::filesystem::path& name) const;

private:
  struct Entry {
    std::filesystem::path name;
    dev_t device;
    ino_t inode;
  };
  static std::optional<Entry> look(const std::filesystem::path& name);
  static bool same(const Entry& a, const std::optional<Entry>& b);

  std::vector<Entry> entries_;
};

} // namespace kdq
