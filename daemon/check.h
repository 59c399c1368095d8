// `kdocs-queued check`: finds what would keep `run` from working, and changes nothing.
#pragma once

#include "daemon/config.h"

#include <filesystem>
#include <iosfwd>

namespace kdq {

/// Looks at the token files and the database and prints what it found and what `run` would do.
/// Creates nothing, sends nothing, prints no token. Returns whether all is well.
bool check(const Config& config, const std::filesystem::path& credentials_directory,
           std::ostream& out);

} // namespace kdq
