// The queue as numbers for Prometheus.
#pragma once

#include "store/base/time.h"
#include "store/reader.h"

#include <filesystem>
#include <string>

namespace kdq::web {

/// Prometheus' text format 0.0.4. Counters and histograms are those that the daemon keeps in the
/// table `counters`; nothing is counted here. Throws what Reader throws.
std::string metrics_text(Reader& reader, WallTime now);

/// Writes the text to a file that is there whole or not at all. Throws std::runtime_error.
void write_metrics_file(const std::filesystem::path& file, const std::string& text);

/// Why the queue does not work as it should, as a sentence for a probe; empty: it works. Throws
/// what Reader throws.
std::string probe(Reader& reader);

} // namespace kdq::web
