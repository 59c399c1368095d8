// A bound to all of SQLite's memory, for the .cpp files of store/ only.
#pragma once

#include <cstdint>

namespace kdq {

/// From then on SQLite gets no more than this, and what needs more ends with SQLITE_NOMEM; without
/// effect after its first use. SQLite's own bound (sqlite3_hard_heap_limit64) needs its statistics
/// and a lock for each piece: 14 % of the store's instructions for a job, instead of 2 %.
void limit_sqlite_memory(std::int64_t bytes);

} // namespace kdq
