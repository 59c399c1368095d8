// The HTTP server: cpp-httplib's, on a socket of ours (TCP or Unix), and with bounds for what one
// connection may take.
#pragma once

#include "daemon/web/listen_address.h"
#include "store/base/unique_fd.h"

#include <httplib.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <set>

namespace kdq::web {

/// How long a client is waited for; then its connection is closed.
struct WaitLimits {
  std::chrono::milliseconds idle{15'000};    ///< until a request begins
  std::chrono::milliseconds request{10'000}; ///< until it has come whole
  std::chrono::milliseconds piece{10'000};   ///< until it takes a piece of the answer
  /// Until it takes the answer, all pieces together; for each MiB that it has taken so long again.
  std::chrono::milliseconds answer{60'000};
};

/// Serves what answer_by() was given. A request has at most 100 lines of 32 KiB together before its
/// body, and 64 KiB in that.
class HttpServer : public httplib::Server {
public:
  /// Listens. Throws ListenError.
  explicit HttpServer(const ListenAddress& address, const WaitLimits& limits = {});
  ~HttpServer() override;

  /// What answers: `look` a GET or HEAD, `act` a POST, of whose path no more than 100 bytes are
  /// given. To be called before serve().
  void answer_by(Handler look, Handler act);

  /// Serves until stop(); to be called once, by a thread of its own.
  void serve();
  /// Ends the listening and every connection. `serve()` returns when the last answer has ended.
  void end();

  /// The port, if a free one was asked for by 0; 0 for a Unix socket.
  int port() const { return port_; }

  /// Answers one request of a connection. `last`: the client is told that no other is answered.
  /// False: nothing more is to be read from it.
  bool take_request(httplib::Stream& stream, bool last);

private:
  bool process_and_close_socket(socket_t socket) override;

  const WaitLimits limits_;
  int port_ = 0;
  std::filesystem::path socket_file_; ///< to be removed at the end; empty: none
  std::atomic<bool> ended_ = false;   ///< serve() has returned
  std::mutex mutex_;                  ///< guards what follows
  std::set<int> open_;
  bool ending_ = false;
};

} // namespace kdq::web
