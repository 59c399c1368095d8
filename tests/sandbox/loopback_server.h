// cpp-httplib's server on connections of our own, which its handlers can drop.
#pragma once

#include "tests/sandbox/connection.h"

#include <httplib.h>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace kdq::sandbox {

/// Routes are set before start(); handlers run on `threads` threads, one per open connection.
class LoopbackServer : public httplib::Server {
public:
  /// `tls`: null for plain HTTP.
  LoopbackServer(TlsContext tls, std::size_t threads);
  ~LoopbackServer() override;

  /// Binds and serves from a thread of its own. Port 0: any free one. Returns the port.
  /// Throws std::invalid_argument if `host` is not a loopback address, std::runtime_error if it
  /// cannot be bound; each with a sentence.
  int start(const std::string& host, int port);
  /// Cuts all connections and waits for the handlers.
  void stop_and_join();

  /// The connection that a request came in on; valid inside its handler.
  static Connection& connection_of(const httplib::Request& request);

private:
  bool process_and_close_socket(socket_t socket) override;
  bool enter(socket_t socket);
  void leave(socket_t socket);

  TlsContext tls_;
  socket_t listening_ = INVALID_SOCKET; ///< the last one that was made
  std::thread thread_;
  std::mutex mutex_; // guards what follows
  std::set<socket_t> open_;
  bool stopping_ = false;
};

/// "localhost" becomes 127.0.0.1. Throws std::invalid_argument with a sentence for every address
/// outside 127.0.0.0/8 and ::1, and for other names.
std::string loopback_address(const std::string& host);

} // namespace kdq::sandbox
