// Where the page listens.
#pragma once

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

namespace kdq::web {

/// A TCP address with its port, or a Unix socket.
struct ListenAddress {
  std::string host; ///< an IP address without brackets; empty for a socket
  int port = 0;     ///< 0: any that is free
  std::filesystem::path socket;

  /// Only this machine comes there.
  bool is_local() const;
  /// As a browser is told: http://127.0.0.1:8080; for a socket: unix:FILE.
  std::string url(int port_in_use) const;
};

/// The address cannot be used, as a sentence.
struct ListenError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// `127.0.0.1:8742`, `[::1]:8742`, `localhost:8742` or `unix:/run/page.sock`. Throws ListenError.
ListenAddress listen_address(const std::string& text);

} // namespace kdq::web
