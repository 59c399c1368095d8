// The name of one of the service's budgets.
#pragma once

#include "store/job.h"

#include <string>

namespace kdq {

/// Which of the service's budgets a request is paid from.
struct QuotaKey {
  std::string app;
  Endpoint endpoint = Endpoint::submit;
  std::string day; ///< name of the quota day, poller/quota/quota_calendar.h
  bool operator==(const QuotaKey&) const = default;
};

} // namespace kdq
