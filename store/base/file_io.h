// Reading and writing whole pieces: read(2) and write(2) may do less than they are asked for. And
// names of files, as they get to the disk.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>

namespace kdq {

/// Writes all of it at the descriptor's place. False on an error: part of it may be written, and
/// errno says why.
bool write_all(int fd, std::string_view bytes);

/// Fills `room`, or as much of it as there is before the end of the file; how much that was.
/// Nothing on an error: errno says why.
std::optional<std::size_t> read_up_to(int fd, std::span<char> room);

/// Fills all of `room`. False on an error, and if the file ends before.
bool read_all(int fd, std::span<char> room);

/// Renames a file, and replaces none. False on an error: errno says why; EEXIST for a name that is
/// taken.
bool rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to);

/// Returns when what was made, renamed or removed in the folder is on disk. False on an error:
/// errno says why.
bool sync_folder(const std::filesystem::path& folder);

} // namespace kdq
