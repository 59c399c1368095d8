// Pictures of numbers, as SVG that the server draws. Each has its facts in words as its label: what
// it shows can be read without seeing it.
#pragma once

#include "daemon/web/page.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdq::web {

/// What is left of one budget of a day. Numbers that make no sense are cut to what can be drawn.
struct BurnDown {
  WallTime begins;
  WallTime now;
  WallTime ends;
  std::int64_t allowed = 0;
  std::int64_t left = 0;
  std::int64_t reserved = 0; ///< for what runs
  std::int64_t others = 0;   ///< of what is used: not sent from here
  /// When all but the reserve is used up at the pace so far; nothing: not before the end.
  std::optional<WallTime> exhausted;
};

/// A line from all at the begin to what is left now, and dashed on at the same pace. Empty if the
/// day does not end after its begin, or nothing is allowed.
Html burn_down(const BurnDown& day, std::string_view words, const Visit& visit);

struct Bar {
  std::string label; ///< short: digits and signs
  std::int64_t value = 0;
  std::int64_t limit = 0; ///< a mark across the bar; 0: none
};

/// Bars side by side, in their order. Empty if there are none.
Html bar_chart(const std::vector<Bar>& bars, std::string_view words);

/// The numbers of a bar chart as a table, folded. `what` tells it from other tables of the page,
/// `label` and `value` are the words for the two columns.
Html bar_numbers(const std::vector<Bar>& bars, std::string_view what, std::string_view label,
                 std::string_view value, const Visit& visit);

} // namespace kdq::web
