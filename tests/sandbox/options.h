// The command line of kdocs-sandbox.
#pragma once

#include "tests/sandbox/sandbox.h"

#include <optional>
#include <string>

namespace kdq::sandbox {

struct Options {
  SandboxSettings sandbox;
  std::string port_file; ///< empty: none
};

struct ParsedOptions {
  std::optional<Options> options; ///< none: help was printed, or what is wrong
  int exit_code = 0;              ///< then: 0 after help
};

ParsedOptions parse_options(int argc, const char* const* argv);

} // namespace kdq::sandbox
