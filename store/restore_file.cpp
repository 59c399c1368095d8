#include "store/restore_file.h"

#include "store/backup_folder.h"
#include "store/base/file_io.h"
#include "store/database_copy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace kdq {
namespace {

namespace fs = std::filesystem;

constexpr mode_t mode_of_new = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP;
// The database itself is first, its log second.
constexpr std::array suffixes{"", "-wal", "-shm", ".spill"};

[[noreturn]] void fail(const fs::path& file, const char* what) {
  throw CopyFailed(file.string() + " cannot be " + what + ": " + std::strerror(errno) +
                   "; run the restore again");
}

bool is_there(const fs::path& file) {
  struct stat info {};
  return ::lstat(file.c_str(), &info) == 0;
}

fs::path with(const fs::path& file, const char* suffix) {
  return file.string() + suffix;
}

fs::path copy_name(const fs::path& database) {
  return with(database, ".restoring");
}

fs::path prepared_name(const fs::path& database) {
  return with(database, ".restore");
}

/// `queue.db.before-20260131T090500Z`
fs::path aside_of(const fs::path& database, WallTime now) {
  const std::string name = backup_name(now); // queue-20260131T090500Z.db
  return with(database, (".before-" + name.substr(6, 16)).c_str());
}

void take_over_owner(const fs::path& from, const fs::path& to) {
  struct stat old {};
  const bool has_old = ::stat(from.c_str(), &old) == 0;
  if (has_old && (old.st_uid != ::geteuid() || old.st_gid != ::getegid()) &&
      ::chown(to.c_str(), old.st_uid, old.st_gid) != 0)
    fail(to, "given to the owner of the old one");
  if (::chmod(to.c_str(), has_old ? old.st_mode & 07777 : mode_of_new) != 0)
    fail(to, "given its mode");
}

} // namespace

fs::path room_for_restore(const fs::path& database) {
  fs::path copy = copy_name(database);
  ::unlink(copy.c_str());
  return copy;
}

std::string unfinished_restore(const fs::path& database) {
  const fs::path prepared = prepared_name(database);
  if (!is_there(prepared))
    return {};
  return "a restore of " + database.string() +
         " did not come to its end: run kdocs-queued restore again; or, to go on with what there "
         "is, remove " +
         prepared.string() + " (an older state of the queue may be what there is: look for " +
         database.string() + ".before-*)";
}

RestoredFiles put_in_place(const fs::path& database, WallTime now) {
  const fs::path prepared = prepared_name(database);
  const fs::path folder = database.parent_path();
  take_over_owner(database, copy_name(database));
  // From here on nobody opens the database, in whatever state its files are.
  if (::rename(copy_name(database).c_str(), prepared.c_str()) != 0 || !sync_folder(folder))
    fail(copy_name(database), "renamed");
  RestoredFiles files;
  if (is_there(database)) {
    files.aside = aside_of(database, now);
    // Second names first: whenever it ends, database and log are there under one of the two.
    for (const char* suffix : suffixes)
      if (is_there(with(database, suffix)) &&
          ::link(with(database, suffix).c_str(), with(files.aside, suffix).c_str()) != 0)
        fail(with(database, suffix), "kept under another name");
    if (!sync_folder(folder))
      fail(folder, "synced");
  }
  // The log would be taken for the new one's.
  for (const char* suffix : suffixes)
    if (*suffix != '\0' && is_there(with(database, suffix)) &&
        ::unlink(with(database, suffix).c_str()) != 0)
      fail(with(database, suffix), "removed");
  if (!sync_folder(folder))
    fail(folder, "synced");
  if (::rename(prepared.c_str(), database.c_str()) != 0)
    fail(prepared, "renamed");
  if (!sync_folder(folder))
    fail(folder, "synced");
  return files;
}

} // namespace kdq
