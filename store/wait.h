// What an operator is told of something that waits.
#pragma once

#include "store/base/time.h"

#include <optional>
#include <string>

namespace kdq {

/// Why something is not sent now, as a sentence, and when that is expected to end.
struct Wait {
  std::string reason;
  std::optional<WallTime> until;
  bool operator==(const Wait&) const = default;
};

} // namespace kdq
