// The name of one of the service's budgets.
#pragma once

#include "store/job.h"

#include <string>

namespace kdq {

/// Which of the service's budgets a request is paid from; or which count of a class, of the starts
/// that are paid from it.
struct QuotaKey {
  std::string app;
  Endpoint endpoint = Endpoint::submit;
  std::string day;            ///< name of the quota day, poller/quota/quota_calendar.h
  std::string job_class = {}; ///< only of submit; empty: the app's budget itself
  bool operator==(const QuotaKey&) const = default;
};

} // namespace kdq
