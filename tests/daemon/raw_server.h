// A TCP server on loopback whose every byte a test decides, for what a real HTTP server never does.
#pragma once

#include "store/base/unique_fd.h"

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace kdq::test {

class RawServer;

/// One accepted connection.
class Connection {
public:
  Connection(int fd, int number, RawServer& server) : fd_(fd), number_(number), server_(server) {}

  /// Head and body of the next request, which the server counts as arrived; none if the client
  /// closed.
  std::optional<std::string> read_request();
  void write(const std::string& bytes) const;
  /// `HTTP/1.1 {status}` with a Content-Length and `headers` (each with its line end).
  void answer(const std::string& status, const std::string& body,
              const std::string& headers = "") const;
  /// Returns when the client has closed, or the server ends.
  void wait_for_close() const;
  /// From 0, in order of acceptance.
  int number() const { return number_; }

private:
  int fd_;
  int number_;
  RawServer& server_;
  std::string buffered_;
};

/// Runs `serve` for each connection in a thread of its own and closes the connection when it
/// returns. Ends all connections when it goes.
class RawServer {
public:
  using Serve = std::function<void(Connection&)>;
  explicit RawServer(Serve serve);
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  std::string url(const std::string& path) const;
  std::vector<std::string> requests() const;
  int connections() const { return accepted_; }

private:
  friend class Connection;
  void accept_all();
  void arrived(const std::string& request);

  Serve serve_;
  int port_ = 0; ///< before listener_, which sets it
  UniqueFd listener_;
  std::atomic<int> accepted_{0};
  std::atomic<bool> ending_{false};
  mutable std::mutex mutex_; ///< protects what follows
  std::vector<std::string> requests_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

/// A port of loopback on which nobody listens.
int closed_port();

} // namespace kdq::test
