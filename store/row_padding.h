// Keeps a job's row at one length, whatever its columns say.
#pragma once

#include "store/job.h"

#include <cstdint>

namespace kdq {

/// How many bytes the row's padding has, so that the row is as long as before and its script's
/// pages stay untouched (sqlite.org/fileformat2.html, record format). A row of more than about 260
/// bytes of such columns has none, and grows.
std::int64_t padding_bytes(const JobRow& row);

} // namespace kdq
