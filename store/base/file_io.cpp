#include "store/base/file_io.h"

#include <unistd.h>

#include <cerrno>

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

} // namespace kdq
