// What keeps an app from sending, as a restart takes it up.
#pragma once

#include "store/base/time.h"
#include "store/job.h"

#include <optional>
#include <string>

namespace kdq {

/// A row of app_pauses.
struct AppPause {
  std::optional<Endpoint> endpoint; ///< nothing: both
  WallTime since;
  WallTime until;
  std::string reason;
  bool needs_person = false;
  bool quota = false; ///< the service said that the day's requests are used up
  int in_a_row = 0;   ///< how often it has refused before without saying for how long
  bool operator==(const AppPause&) const = default;
};

} // namespace kdq
