// From the command line to an exit code.
#pragma once

namespace kdq {

/// All of the program but main(). Prints every error that keeps it from going on.
int run_program(int argc, const char* const* argv);

} // namespace kdq
