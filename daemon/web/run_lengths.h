// How long scripts ran, as the daemon keeps it in run_times.
#pragma once

#include "store/reader.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdq::web {

struct StoredRun {
  /// The script_name on its file (name_key()); of a script without a name "s:" and its digest.
  std::string key;
  /// As its log says; else the middle between the last poll that found it running and the one that
  /// found it ended.
  std::chrono::milliseconds length{0};
  /// How long its end was not seen; nothing: its log does not say when that was.
  std::optional<std::chrono::milliseconds> unseen;
};

/// The newest runs of an app, the last one first, from at most `most_rows` rows (a run has two if
/// it has a name). Throws as Reader::Snapshot::rows().
std::vector<StoredRun> newest_runs(Reader::Snapshot& snapshot, const std::string& app,
                                   std::int64_t most_rows);

/// The key of run_times for the scripts of this name on this file: what keys_of() of the daemon
/// (poller/engine/scheduled_tasks.h) makes of them. Empty: without a name there is none.
std::string name_key(std::string_view file_token, std::string_view script_name);

/// Of lengths of time; all 0 if there are none.
struct Spread {
  std::int64_t count = 0;
  std::chrono::milliseconds median{0};
  std::chrono::milliseconds p90{0}; ///< nine of ten are not longer
};
Spread spread_of(std::vector<std::chrono::milliseconds> spans);

/// How long the runs of each key were.
std::map<std::string, Spread> spread_by_key(const std::vector<StoredRun>& runs);

} // namespace kdq::web
