// Reading and writing whole pieces: read(2) and write(2) may do less than they are asked for.
#pragma once

#include <cstddef>
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

} // namespace kdq
