// Files that lie beside the database, in a folder that a group may write.
#pragma once

#include "store/base/unique_fd.h"

#include <filesystem>

namespace kdq {

/// Who may have made the file: for the lock whoever was first, else this user or root.
enum class MadeBy { us, anybody };

/// Opens the file as open(2) does with these flags, if there is a regular file under the name or,
/// with O_CREAT, nothing: somebody may have put a link, a pipe or a device there, or a file of his
/// own to read what is written. Never waits. None: errno says why; EPERM for what was not wanted.
/// What is created has mode 0660, whatever the umask is.
UniqueFd open_sibling(const std::filesystem::path& path, int flags, MadeBy made_by = MadeBy::us);

} // namespace kdq
