// The command line of kdocs-queued-web.
#pragma once

#include "daemon/web/listen_address.h"

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kdq::web {

struct WebOptions {
  std::filesystem::path database = "/var/lib/kdocs-queued/queue.db";
  ListenAddress listen;
  bool allow_actions = false;
  bool behind_proxy = false;
  std::vector<std::string> hosts;
  std::optional<std::filesystem::path> password_file;
  std::optional<std::filesystem::path> metrics_file;
  std::optional<std::filesystem::path> port_file;
  bool hash_password = false; ///< nothing else is to be done

  /// What a request may have in Host once it listens on that port; empty: anything.
  std::vector<std::string> known_hosts(int port) const;
};

/// Nothing is to be served: help or version was asked for, or the command line is wrong.
struct WebExit {
  int code = 0;
  std::string text; ///< for stdout if the code is 0, else for stderr
};

std::variant<WebOptions, WebExit> parse_web_options(int argc, const char* const* argv);

} // namespace kdq::web
