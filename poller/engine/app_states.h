// The configured apps by name, for those who pass them on; poller/engine/app_state.h has the rest.
#pragma once

#include <map>
#include <string>

namespace kdq {

struct AppState;

using AppStates = std::map<std::string, AppState>;

} // namespace kdq
