// What is not a page but a file: lists of jobs for other programs, and whole values.
#pragma once

#include "daemon/web/page.h"
#include "daemon/web/reader_pool.h"

#include <httplib.h>

namespace kdq::web {

/// Answers these addresses; false: it is none of them.
///
///   /jobs.csv, /jobs.json   the jobs of a filter, newest first: RFC 4180, or an array of objects;
///                           at most 100,000, or limit=, below before=; if there are more, the last
///                           line or object says so
///   /jobs/5/script          also argv and result: the whole value
///   /schedules/script       also argv: of the schedule name=
///   /requests/7/body        a reply of the service, as it came
///
/// They are read and sent in pieces: a list is no single state of the queue, and a value that is
/// replaced meanwhile may be a mixture. If the database cannot be read any more the answer is
/// broken off. Throws what Reader throws as long as nothing was sent. `readers` must outlive the
/// answer.
bool download(ReaderPool& readers, const Visit& visit, httplib::Response& response);

} // namespace kdq::web
