// The setting notify.
#pragma once

#include "daemon/config_value.h"
#include "poller/settings.h"

#include <string>
#include <vector>

namespace kdq {

/// Throws ConfigError for what is no list of rules.
std::vector<NotifyRule> read_notify(const ConfigValue& value);

/// The command of a rule that was read: the program, and its arguments.
std::vector<std::string> argv_of(const NotifyRule& rule);

} // namespace kdq
