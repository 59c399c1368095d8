// The replies, read by hand: what the fast service writes, and no more of JSON than that.
#pragma once

#include "tests/bench/limit/store.h"

#include <optional>
#include <string_view>
#include <vector>

namespace kdq::bench {

struct LimitReport {
  std::vector<LimitLine> lines;
  std::string_view result; ///< as JSON
  bool ended = false;
};

/// Empty: there is none.
std::string_view task_id_of(std::string_view body);
/// Nothing: the body has not the shape of a status reply.
std::optional<LimitReport> report_of(std::string_view body);

} // namespace kdq::bench
