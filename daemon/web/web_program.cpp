#include "daemon/web/web_program.h"

#include "daemon/web/guard.h"
#include "daemon/web/web_options.h"
#include "daemon/web/web_service.h"
#include "store/base/descriptors.h"

#include <unistd.h>

#include <exception>
#include <iostream>

namespace kdq::web {
namespace {

constexpr int exit_ok = 0;
constexpr int exit_failed = 1;

} // namespace

int run_web_program(int argc, char** argv) {
  raise_descriptor_limit();
  const auto parsed = parse_web_options(argc, argv);
  if (const auto* early = std::get_if<WebExit>(&parsed)) {
    (early->code == exit_ok ? std::cout : std::cerr) << early->text;
    return early->code;
  }
  const auto& options = std::get<WebOptions>(parsed);
  const LogStyle style = detect_log_style(STDERR_FILENO);
  Log log(style, LogLevel::info);
  try {
    if (options.hash_password) {
      std::string password;
      std::getline(std::cin, password);
      std::cout << hash_of_password(password) << '\n';
      return exit_ok;
    }
    WebService(options, log).run();
    return exit_ok;
  } catch (const std::exception& error) {
    log.write(LogLevel::error, error.what());
    return exit_failed;
  }
}

} // namespace kdq::web
