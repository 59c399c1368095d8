// A queue of years: very many jobs that have ended, with their log lines.
#pragma once

#include <cstdint>
#include <filesystem>

namespace kdq::bench {

/// Fills a database of the product, which no daemon has open, by plain INSERTs of rows such as the
/// daemon leaves: one job in twenty failed, on a thousand files, by fifty scripts, in batches of a
/// thousand, over thirty days. Its triggers are set aside meanwhile.
void fill_with_ended_jobs(const std::filesystem::path& database, std::int64_t jobs,
                          std::int64_t lines_each);

} // namespace kdq::bench
