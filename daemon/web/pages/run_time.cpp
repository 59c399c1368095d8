#include "daemon/web/pages/job_parts.h"
#include "daemon/web/run_lengths.h"
#include "store/script_digest.h"

#include <utility>

namespace kdq::web {
namespace {

constexpr std::int64_t newest_of_script = 5000; // of the app: its rows have no index by script
constexpr std::int64_t runs_of_script = 99;
constexpr std::int64_t longest_script = 256 << 10; // to be read whole for its digest

} // namespace

std::optional<std::chrono::milliseconds> usual_run_time(Reader& reader, std::int64_t job) {
  std::vector<Row> runs;
  std::string app;
  std::string key;
  reader.read([&](Reader::Snapshot& snapshot) {
    if (const auto row =
            snapshot.row("SELECT app, file_token, script_name FROM jobs WHERE id = ?1", {job})) {
      app = row->text("app");
      key = name_key(row->text("file_token"), row->text("script_name"));
    }
  });
  if (key.empty()) {
    const std::string script = reader.piece("jobs", "script", job, 0, longest_script + 1);
    if (std::ssize(script) > longest_script)
      return std::nullopt;
    key = "s:" + script_digest(script);
  }
  reader.read([&](Reader::Snapshot& snapshot) {
    runs = snapshot.rows("SELECT ms FROM (SELECT key, coalesce(exact_ms, (low_ms + high_ms) / 2) "
                         "AS ms FROM run_times "
                         "WHERE app = ?1 ORDER BY seq DESC LIMIT ?2) WHERE key = ?3 LIMIT ?4",
                         {app, newest_of_script, key, runs_of_script});
  });
  if (runs.empty())
    return std::nullopt;
  std::vector<std::chrono::milliseconds> spans;
  spans.reserve(runs.size());
  for (const Row& run : runs)
    spans.emplace_back(run.integer("ms"));
  return spread_of(std::move(spans)).median;
}

} // namespace kdq::web
