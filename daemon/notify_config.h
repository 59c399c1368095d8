// The setting notify.
#pragma once

#include "daemon/config_value.h"
#include "poller/settings.h"

#include <vector>

namespace kdq {

/// Throws ConfigError for what is no list of rules.
std::vector<NotifyRule> read_notify(const ConfigValue& value);

} // namespace kdq
