// The best that could be done if every script's distribution and the day's arrivals were known.
#pragma once

#include "tests/bench/polling/trace.h"

#include <array>
#include <filesystem>

namespace kdq::bench {

/// The mean wait in seconds of each day's tasks under optimum inspection (Barlow, Hunter, Proschan
/// 1963) at the one price that spends the day's quota; a script's first run is planned from the
/// mixture of all scripts. With fewer requests than tasks: all knowing, but one poll for each.
/// Reads `NAME.scripts.csv`. Throws std::runtime_error if it cannot be read.
std::array<double, 2> known_optimum(const Trace& trace, const std::filesystem::path& directory);

} // namespace kdq::bench
