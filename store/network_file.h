// Whether a file is where SQLite's locks do not work.
#pragma once

#include <filesystem>
#include <string>

namespace kdq {

/// A sentence, if it is on a network file system; else empty.
std::string network_refusal(const std::filesystem::path& file);

} // namespace kdq
