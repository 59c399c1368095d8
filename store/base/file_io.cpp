#include "store/base/file_io.h"

#include "store/base/unique_fd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace kdq {

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

std::optional<std::size_t> read_up_to(int fd, std::span<char> room) {
  std::size_t used = 0;
  while (used < room.size()) {
    const ssize_t done = ::read(fd, room.data() + used, room.size() - used);
    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0)
      return std::nullopt;
    if (done == 0)
      break;
    used += static_cast<std::size_t>(done);
  }
  return used;
}

bool read_all(int fd, std::span<char> room) {
  return read_up_to(fd, room) == room.size();
}

bool rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0)
    return true;
  if (errno != EINVAL)
    return false;
  // Not every file system can do both at once.
  struct stat info {};
  if (::lstat(to.c_str(), &info) == 0) {
    errno = EEXIST;
    return false;
  }
  return ::rename(from.c_str(), to.c_str()) == 0;
}

bool sync_folder(const std::filesystem::path& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd && ::fsync(fd.get()) == 0;
}

} // namespace kdq
