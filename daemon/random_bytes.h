// Bytes that nobody can guess.
#pragma once

#include <cstddef>
#include <string>

namespace kdq {

/// So many random bytes of the kernel's. Throws std::runtime_error if it gives none.
std::string random_bytes(std::size_t count);

} // namespace kdq
