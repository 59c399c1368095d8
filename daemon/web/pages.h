// All pages: each is made from the database alone.
#pragma once

#include "daemon/web/page.h"
#include "poller/clock.h"
#include "store/reader.h"

namespace kdq::web {

/// The page of an address; 404 if there is none. Throws what Reader throws.
Page make_page(Reader& reader, const Visit& visit);

Page now_page(Reader& reader, const Visit& visit);
Page jobs_page(Reader& reader, const Visit& visit);
/// The same; `clock` says when it has searched for long enough.
Page jobs_page(Reader& reader, const Visit& visit, const Clock& clock);
Page job_page(Reader& reader, const Visit& visit, std::int64_t job);
Page schedules_page(Reader& reader, const Visit& visit);
Page batches_page(Reader& reader, const Visit& visit);
Page apps_page(Reader& reader, const Visit& visit);
Page failures_page(Reader& reader, const Visit& visit);
Page unconfirmed_page(Reader& reader, const Visit& visit);
Page insights_page(Reader& reader, const Visit& visit);

} // namespace kdq::web
