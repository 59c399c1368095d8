// Percent-encoding, exactly one layer at a time.
#pragma once

#include <string>
#include <string_view>

namespace kdq::sandbox {

/// Everything but letters, digits and - _ . ~ becomes %XX.
std::string percent_encoded(std::string_view text);
/// Undoes one layer; a % without two hex digits stays, and so does +.
std::string percent_decoded(std::string_view text);

/// The value of `name` in the query of a request target, one layer decoded; empty if it has none.
/// httplib's own reading of it loses a bare = and makes a space of a bare +, with which an id that
/// was not encoded could no longer be recognised.
std::string query_value(std::string_view target, std::string_view name);

} // namespace kdq::sandbox
