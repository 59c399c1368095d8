#include "tests/sandbox/api_error.h"

#include <algorithm>
#include <array>
#include <utility>

namespace kdq::sandbox {
namespace {

constexpr std::array<std::pair<std::int64_t, const char*>, 9> names{{
    {-1, "Unknown"},
    {10001, "InvalidArgument"},
    {10002, "Timeout"},
    {20007, "AccessTokenInvalid"},
    {30001, "UserUnauthorized"},
    {30002, "RateLimiter"},
    {30004, "InternalError"},
    {30010, "TooManyTask"},
    {40008, "AccountUpgrading"},
}};

} // namespace

std::string error_name(std::int64_t code) {
  const auto* found = std::find_if(names.begin(), names.end(),
                                   [code](const auto& entry) { return entry.first == code; });
  return found == names.end() ? "Error" : found->second;
}

} // namespace kdq::sandbox
