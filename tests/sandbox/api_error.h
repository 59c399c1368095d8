// The service's errors.
#pragma once

#include <cstdint>
#include <string>

namespace kdq::sandbox {

struct ApiError {
  std::int64_t code = 0;
  std::string message;
};

/// The vendor's name of a code; "Error" for one that it has no public name for.
std::string error_name(std::int64_t code);

} // namespace kdq::sandbox
