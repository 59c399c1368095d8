// The program kdocs-queued-web.
#pragma once

namespace kdq::web {

/// Returns the exit code: 0 stopped as asked, 1 cannot start, 2 usage.
int run_web_program(int argc, char** argv);

} // namespace kdq::web
