#include "daemon/instance_lock.h"

#include "store/base/descriptors.h"
#include "store/base/sibling_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace kdq {

namespace {

std::string lock_path(const std::filesystem::path& database) {
  return database.string() + ".lock";
}

/// The number in the file: whoever may write it could put anything there.
std::string written_pid(int fd) {
  char text[16];
  const ssize_t got = ::pread(fd, text, sizeof text, 0);
  std::string pid(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  pid.erase(std::find_if_not(pid.begin(), pid.end(), is_digit), pid.end());
  return pid.empty() ? "?" : pid;
}

bool write_pid(int fd) {
  const std::string text = std::to_string(::getpid()) + "\n";
  return ::ftruncate(fd, 0) == 0 &&
         ::pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

/// holder() takes the lock for some microseconds; it must not make a start fail.
bool lock_patiently(int fd) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0)
      return true;
    if (errno != EWOULDBLOCK && errno != EINTR)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  errno = EWOULDBLOCK;
  return false;
}

} // namespace

InstanceLock::InstanceLock(const std::filesystem::path& database) {
  const std::string path = lock_path(database);
  // A group member must be able to take the lock after somebody else created the file.
  fd_ = open_sibling(path, O_RDWR | O_CREAT, MadeBy::anybody);
  if (!fd_)
    throw LockError("the lock file " + path + " cannot be opened: " +
                    or_descriptor_shortage(std::strerror(errno) +
                                           std::string("; its folder must exist and be writable "
                                                       "for this user")));
  name_.remember(path, fd_.get());
  if (!lock_patiently(fd_.get())) {
    if (errno != EWOULDBLOCK)
      throw LockError("the lock file " + path + " cannot be locked: " + std::strerror(errno));
    throw LockError("another kdocs-queued works on " + database.string() + " already: process " +
                    written_pid(fd_.get()) + "; only one may");
  }
  if (!write_pid(fd_.get()))
    throw LockError("the lock file " + path + " cannot be written: " + std::strerror(errno));
}

std::optional<std::string> InstanceLock::holder(const std::filesystem::path& database) {
  const UniqueFd fd = open_sibling(lock_path(database), O_RDONLY, MadeBy::anybody);
  if (!fd || ::flock(fd.get(), LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK)
    return std::nullopt;
  return written_pid(fd.get());
}

} // namespace kdq
