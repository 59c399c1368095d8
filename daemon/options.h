// The command line.
#pragma once

#include "daemon/config.h"
#include "daemon/exec_command.h"
#include "daemon/login.h"

#include <filesystem>
#include <optional>
#include <string>
#include <variant>

namespace kdq {

/// Exit codes of the program.
inline constexpr int exit_stopped = 0; ///< stopped as asked; done; all is well
inline constexpr int exit_cannot_start =
    1;                               ///< configuration or database; also if that breaks later
inline constexpr int exit_usage = 2; ///< of exec and follow also: nothing was begun

enum class Command { run, init, check, login, backup, restore, exec, follow };

struct Options {
  Command command = Command::run;
  std::optional<std::filesystem::path> config;
  Overrides overrides;
  LoginOptions login;
  std::filesystem::path file; ///< of backup: the copy to be made; of restore: the one to be used
  ExecOptions exec;
  FollowOptions follow; ///< of exec and follow
  JobId job;            ///< of follow
};

/// Nothing is to be run: help or version was asked for, or the command line is wrong.
struct EarlyExit {
  int code = exit_stopped;
  std::string text; ///< for stdout if the code is 0, else for stderr
};

std::variant<Options, EarlyExit> parse_options(int argc, const char* const* argv);

} // namespace kdq
