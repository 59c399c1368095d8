#include "store/base/sibling_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace kdq {
namespace {

constexpr mode_t mode = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP;

bool is_wanted(const struct stat& info, MadeBy made_by) {
  const bool ours = info.st_uid == ::geteuid() || info.st_uid == 0;
  // A second name elsewhere may be that of a file that is not meant to be written.
  return S_ISREG(info.st_mode) && info.st_nlink == 1 && (ours || made_by == MadeBy::anybody);
}

} // namespace

UniqueFd open_sibling(const std::filesystem::path& path, int flags, MadeBy made_by) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0)
    return fd;
  if (!is_wanted(info, made_by)) {
    errno = EPERM;
    return {};
  }
  const bool has_mode = (info.st_mode & 07777) == mode;
  if ((flags & O_CREAT) != 0 && info.st_uid == ::geteuid() && !has_mode &&
      ::fchmod(fd.get(), mode) != 0)
    return {}; // others of the group could not open it
  return fd;
}

} // namespace kdq
