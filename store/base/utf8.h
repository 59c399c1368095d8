// UTF-8 as the service demands it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kdq {

/// The offset of the first byte that is not part of a valid character.
std::optional<std::size_t> invalid_utf8_at(std::string_view text);

/// Appends `text` with U+FFFD in the place of bytes that are no UTF-8; true if there are any.
bool append_mended(std::string& mended, std::string_view text);

/// The longest head of valid UTF-8 `text` that has at most `max_bytes` bytes and no half character;
/// if something had to go, an ellipsis stands in its place (beyond max_bytes).
std::string shortened(std::string_view text, std::size_t max_bytes);

/// Valid UTF-8 with each control character (C0 but for tabs and line breaks, DEL, C1) as `\u001b`:
/// SQLite's shell shows a text up to its first NUL only, and a terminal obeys the others.
std::string visible(std::string text);

} // namespace kdq
