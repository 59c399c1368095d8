// The HTTP server: cpp-httplib's, on a socket of ours (TCP or Unix), and with bounds for what one
// connection may take.
#pragma once

#include "daemon/web/listen_address.h"
#include "store/base/unique_fd.h"

#include <httplib.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <set>

namespace kdq::web {

/// Serves what answer_by() was given. A request must have come whole within ten seconds, with at
/// most 100 lines of 32 KiB together before its body, and 64 KiB in that. A client may keep each
/// piece of an answer waiting for ten seconds, and all of it for a minute for each MiB.
class HttpServer : public httplib::Server {
public:
  /// Listens. Throws ListenError.
  explicit HttpServer(const ListenAddress& address);
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

  int port_ = 0;
  std::filesystem::path socket_file_; ///< to be removed at the end; empty: none
  std::atomic<bool> ended_ = false;   ///< serve() has returned
  std::mutex mutex_;                  ///< guards what follows
  std::set<int> open_;
  bool ending_ = false;
};

} // namespace kdq::web
