#include "daemon/web/web_options.h"

#include "daemon/version.h"

#include <CLI/CLI.hpp>

#include <sstream>
#include <string_view>

namespace kdq::web {
namespace {

constexpr auto description =
    "Shows a queue of kdocs-queued as web pages and metrics. It reads the database only.";
constexpr auto default_listen = "127.0.0.1:8742";
constexpr int exit_usage = 2;
constexpr int http_port = 80; ///< browsers leave it out of Host

/// What must not be served to others without a lock; empty: nothing.
std::string refusal_of(const WebOptions& options) {
  if (!options.listen.is_local() && !options.password_file && !options.behind_proxy)
    return "other machines could look at the queue: give --password-file, or --behind-proxy if a "
           "proxy asks them who they are, or listen on 127.0.0.1";
  if (options.behind_proxy && options.hosts.empty())
    return "--behind-proxy needs --host: the name (and port, if it is not the usual one) by which "
           "browsers reach the proxy";
  return {};
}

} // namespace

std::vector<std::string> WebOptions::known_hosts(int port) const {
  if (!listen.socket.empty())
    return hosts; // who reaches a socket is no browser that was led astray
  const std::string suffix = ":" + std::to_string(port);
  std::vector<std::string> own{listen.url(port).substr(std::string_view("http://").size())};
  if (listen.is_local())
    own.insert(own.end(), {"localhost" + suffix, "127.0.0.1" + suffix, "[::1]" + suffix});
  std::vector<std::string> known = hosts;
  for (const std::string& host : own) {
    known.push_back(host);
    if (port == http_port)
      known.push_back(host.substr(0, host.size() - suffix.size()));
  }
  return known;
}

std::variant<WebOptions, WebExit> parse_web_options(int argc, const char* const* argv) {
  CLI::App cli(description, "kdocs-queued-web");
  cli.set_version_flag("--version", "kdocs-queued-web " + std::string(version));
  WebOptions options;
  std::string listen = default_listen;
  cli.add_option("--database", options.database, "The SQLite file of the queue")
      ->type_name("FILE")
      ->capture_default_str();
  cli.add_option("--listen", listen, "ADDRESS:PORT or unix:/PATH; port 0: any that is free")
      ->type_name("WHERE")
      ->capture_default_str();
  cli.add_flag("--allow-actions", options.allow_actions,
               "Offer buttons that change jobs: run again, cancel, pause, decide");
  cli.add_option("--password-file", options.password_file,
                 "File with the hash of a password that is asked for (see --hash-password)")
      ->type_name("FILE");
  cli.add_flag("--behind-proxy", options.behind_proxy,
               "A proxy in front of it authenticates; needs --host");
  cli.add_option("--host", options.hosts, "A further name by which browsers reach the page")
      ->type_name("HOST");
  cli.add_option("--metrics-file", options.metrics_file,
                 "Write the metrics there as well, for node_exporter's textfile collector")
      ->type_name("FILE");
  cli.add_option("--port-file", options.port_file, "Write the port there once it listens")
      ->type_name("FILE");
  cli.add_flag("--hash-password", options.hash_password,
               "Read a password from standard input, print its hash (yescrypt), end");
  std::ostringstream out;
  std::ostringstream trouble;
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = cli.exit(error, out, trouble);
    return code == 0 ? WebExit{0, out.str()} : WebExit{exit_usage, trouble.str()};
  }
  try {
    options.listen = listen_address(listen);
  } catch (const ListenError& error) {
    return WebExit{exit_usage, std::string(error.what()) + "\n"};
  }
  if (const std::string refusal = refusal_of(options); !refusal.empty())
    return WebExit{exit_usage, refusal + "\n"};
  return options;
}

} // namespace kdq::web
