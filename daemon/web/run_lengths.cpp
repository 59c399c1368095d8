#include "daemon/web/run_lengths.h"

#include <algorithm>

namespace kdq::web {
namespace {

using std::chrono::milliseconds;

/// Users may write the table: what no run can have is cut off.
milliseconds span_of(const Row& row, std::string_view column) {
  constexpr std::int64_t longest_ms = milliseconds(std::chrono::years(10)).count();
  return milliseconds(std::clamp<std::int64_t>(row.integer(column), 0, longest_ms));
}

} // namespace

std::vector<StoredRun> newest_runs(Reader::Snapshot& snapshot, const std::string& app,
                                   std::int64_t most_rows) {
  std::vector<StoredRun> runs;
  std::optional<std::int64_t> last;
  for (const Row& row :
       snapshot.rows("SELECT seq, key, low_ms, high_ms, exact_ms FROM run_times WHERE app = ?1 "
                     "ORDER BY seq DESC, key DESC LIMIT ?2",
                     {app, most_rows})) {
    // The script's row comes first, that of its name takes its place.
    if (row.integer("seq") != last)
      runs.emplace_back();
    last = row.integer("seq");
    StoredRun& run = runs.back();
    run.key = row.text("key");
    const milliseconds high = span_of(row, "high_ms");
    run.length = (span_of(row, "low_ms") + high) / 2;
    if (!row.is_null("exact_ms")) {
      run.length = span_of(row, "exact_ms");
      run.unseen = std::max(high - run.length, milliseconds(0));
    }
  }
  return runs;
}

std::string name_key(std::string_view file_token, std::string_view script_name) {
  if (script_name.empty())
    return {};
  return std::string("f:").append(file_token).append("/").append(script_name);
}

Spread spread_of(std::vector<milliseconds> spans) {
  if (spans.empty())
    return {};
  std::sort(spans.begin(), spans.end());
  return {static_cast<std::int64_t>(spans.size()), spans[(spans.size() - 1) / 2],
          spans[(spans.size() * 9 + 9) / 10 - 1]};
}

std::map<std::string, Spread> spread_by_key(const std::vector<StoredRun>& runs) {
  std::map<std::string, std::vector<milliseconds>> spans;
  for (const StoredRun& run : runs)
    spans[run.key].push_back(run.length);
  std::map<std::string, Spread> spreads;
  for (auto& [key, of_key] : spans)
    spreads.emplace(key, spread_of(std::move(of_key)));
  return spreads;
}

} // namespace kdq::web
