// A name for a script's text, by which its past runs are found again.
#pragma once

#include <string>
#include <string_view>

namespace kdq {

/// 32 hex digits: XXH3 of 128 bits. Fast (scripts may have a megabyte), not meant to resist
/// forgery: whoever forged one would only mislead the guess of how long his own script runs.
std::string script_digest(std::string_view script);

} // namespace kdq
