// One client's connection, plain or TLS, that can be told to fall silent.
#pragma once

#include "store/base/unique_fd.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <httplib.h>
#include <memory>
#include <openssl/ssl.h>
#include <string>
#include <utility>

namespace kdq::sandbox {

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, SslDeleter>;

/// Throws std::runtime_error with a sentence if the PEM files do not make a server.
TlsContext load_tls_context(const std::string& certificate_file, const std::string& key_file);

/// Owns the socket. Used by one thread, the one that serves the connection.
class Connection : public httplib::Stream {
public:
  /// `tls`: null for plain HTTP; must outlive the connection.
  Connection(socket_t socket, SSL_CTX* tls);

  /// False if the client does not get through it.
  bool handshake();
  /// False if none begins within `span`, or the client is gone.
  bool wait_for_request(std::chrono::milliseconds span);

  /// From now on nothing more is written; the connection is closed after the current request.
  void drop() { dropped_ = true; }
  bool dropped() const { return dropped_; }
  /// The next request on this connection is to be dropped after it was acted upon.
  void drop_after_next() { drop_after_next_ = true; }
  /// Whether that was said, and withdraws it.
  bool take_drop_after_next() { return std::exchange(drop_after_next_, false); }

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* out, std::size_t size) override;
  ssize_t write(const char* data, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_.get(); }

private:
  bool fill();

  UniqueFd socket_;
  std::unique_ptr<SSL, SslDeleter> ssl_;
  std::array<char, 16384> buffer_{};
  std::size_t next_ = 0; ///< what is read and not yet taken is buffer_[next_, end_)
  std::size_t end_ = 0;
  bool dropped_ = false;
  bool drop_after_next_ = false;
};

} // namespace kdq::sandbox
