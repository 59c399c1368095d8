// A connection whose every byte a test decides, for what no browser sends.
#pragma once

#include "daemon/web/http_server.h"
#include "store/base/unique_fd.h"

#include <filesystem>
#include <string>
#include <thread>

namespace kdq::test {

class RawClient {
public:
  /// To a port of this machine, or to a socket. Throws std::runtime_error if nobody listens.
  explicit RawClient(int port);
  explicit RawClient(const std::filesystem::path& socket);

  /// False: the other end takes nothing more.
  bool send(const std::string& bytes);
  /// The next answer with its body, as Content-Length says; or what came before the other end
  /// closed. Throws std::runtime_error if neither happens for 30 s.
  std::string answer();
  /// All until this text has come, or the other end has closed.
  std::string until(const std::string& text);
  /// All until the other end has closed.
  std::string rest() { return until(""); }

private:
  bool receive();

  UniqueFd fd_;
  std::string buffered_;
};

/// A server that serves while this lives.
class RunningServer {
public:
  explicit RunningServer(web::HttpServer& server)
      : server_(server), thread_([this] { server_.serve(); }) {}
  ~RunningServer() {
    server_.end();
    thread_.join();
  }

private:
  web::HttpServer& server_;
  std::thread thread_;
};

} // namespace kdq::test
