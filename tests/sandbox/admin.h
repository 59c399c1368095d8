// The paths under /admin: what tests read and switch while the sandbox runs.
#pragma once

#include "tests/sandbox/faults.h"
#include "tests/sandbox/service.h"

#include <httplib.h>

namespace kdq::sandbox {

/// Everything passed in must outlive the server. Bodies and answers are JSON; a request that cannot
/// be done is answered 400 with {"error": sentence}.
///   GET  /admin/ledger   what was received, done and handed out, and the quotas
///   GET  /admin/tasks    every task with every line
///   POST /admin/token    {"token"}: the only one accepted from now on, beside those of OAuth
///   POST /admin/quota    {"submit", "status", "reset": true}, each optional
///   POST /admin/faults   one rule (faults.h), or a list of rules
///   GET, DELETE /admin/faults
///   POST /admin/cell     {"cell", "value", "file"}; without "file": preset for all files
///   GET  /admin/cell?file=…&cell=…
/// With an OAuth app:
///   POST /admin/oauth    a change (oauth_settings.h)
///   GET  /admin/oauth    "exchanges" and "refreshes" that gave tokens; "refused_refreshes", for
///       their app or their token; "concurrent_refreshes", which came while another with the same
///       refresh token was held by the sandbox; "live_access_tokens"; "expired_submits" and
///       "expired_statuses", which came with an access token that had expired or become void, and
///       of these the "…_again", whose token had been refused in an earlier request already
void add_admin_routes(httplib::Server& server, Service& service, Oauth& oauth, Ledger& ledger,
                      FaultPlan& faults, Sheets& sheets);

} // namespace kdq::sandbox
