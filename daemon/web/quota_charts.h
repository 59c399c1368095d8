// The two budgets of each app: of today, and of the days before.
#pragma once

#include "daemon/web/page.h"
#include "store/reader.h"

#include <string>
#include <string_view>

namespace kdq::web {

/// submit and status in the visitor's language.
std::string_view endpoint_word(std::string_view endpoint, const Visit& visit);

/// Today's two budgets of an app, each drawn with its numbers. Throws as Reader::Snapshot::rows().
Html quota_of_today(Reader::Snapshot& snapshot, const Visit& visit, const std::string& app);

/// What was spent on each of the last `days` quota days, likewise.
Html quota_of_days(Reader::Snapshot& snapshot, const Visit& visit, const std::string& app,
                   std::int64_t days);

} // namespace kdq::web
