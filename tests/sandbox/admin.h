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
///   POST /admin/token    {"token"}: the only one accepted from now on
///   POST /admin/quota    {"submit", "status", "reset": true}, each optional
///   POST /admin/faults   one rule (faults.h), or a list of rules
///   GET, DELETE /admin/faults
///   POST /admin/cell     {"cell", "value", "file"}; without "file": preset for all files
///   GET  /admin/cell?file=…&cell=…
void add_admin_routes(httplib::Server& server, Service& service, Ledger& ledger, FaultPlan& faults,
                      Sheets& sheets);

} // namespace kdq::sandbox
