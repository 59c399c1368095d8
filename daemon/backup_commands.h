// `kdocs-queued backup` and `kdocs-queued restore`.
#pragma once

#include "daemon/config.h"

#include <filesystem>
#include <iosfwd>

namespace kdq {

/// Makes a backup of the queue under the name `to`, which must not exist; a daemon may be at work
/// on it. Tells on `out` what was done and, if it takes long, on stderr how far it is. Throws
/// CopyFailed.
void back_up(const Config& config, const std::filesystem::path& to, std::ostream& out);

/// Puts the backup `from` in the place of the queue, which no daemon may be at work on; what was
/// there is moved aside. Throws LockError or CopyFailed; then the queue is what it was, or the text
/// says otherwise.
void restore(const Config& config, const std::filesystem::path& from, std::ostream& out);

} // namespace kdq
