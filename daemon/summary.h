// Settings and counts in plain words, for the log, `check` and `systemctl status`.
#pragma once

#include "daemon/config.h"
#include "poller/events.h"

#include <cstdint>
#include <string>
#include <vector>

namespace kdq {

/// 8432 → `8 432`
std::string grouped(std::int64_t number);

/// What the daemon does with this configuration, one sentence each; no secrets.
std::vector<std::string> summary(const Config& config);

/// `12 running, 340 queued, 8 432 of 10 000 polls left today`, and what is wrong if something is.
std::string status_line(const EngineStatus& status);

} // namespace kdq
