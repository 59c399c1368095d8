#include "store/base/file_names.h"

#include <sys/stat.h>

#include <algorithm>

namespace kdq {

std::optional<FileNames::Entry> FileNames::look(const std::filesystem::path& name) {
  struct stat info {};
  if (::stat(name.c_str(), &info) != 0)
    return std::nullopt;
  return Entry{name, info.st_dev, info.st_ino};
}

bool FileNames::same(const Entry& a, const std::optional<Entry>& b) {
  return b && a.device == b->device && a.inode == b->inode;
}

void FileNames::remember(const std::filesystem::path& name) {
  if (auto entry = look(name))
    entries_.push_back(std::move(*entry));
}

void FileNames::remember(const std::filesystem::path& name, int fd) {
  struct stat info {};
  if (::fstat(fd, &info) == 0)
    entries_.push_back({name, info.st_dev, info.st_ino});
}

std::optional<std::filesystem::path> FileNames::changed() const {
  for (const Entry& entry : entries_)
    if (!same(entry, look(entry.name)))
      return entry.name;
  return std::nullopt;
}

bool FileNames::leads_to_other(const std::filesystem::path& name) const {
  const auto now = look(name);
  return now && std::none_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
           return entry.name == name && same(entry, now);
         });
}

} // namespace kdq
