#include "tests/sandbox/connection.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <limits>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>

namespace kdq::sandbox {
namespace {

/// A client that stalls in the middle of a request or a reply is given up.
constexpr std::chrono::seconds io_timeout{30};

bool wait_for(int fd, short what, std::chrono::milliseconds span) {
  pollfd event{fd, what, 0};
  int ready = 0;
  do {
    ready = ::poll(&event, 1, static_cast<int>(span.count()));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

template <typename Value>
void set_option(int fd, int level, int name, const Value& value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

using NameOf = int (*)(int, sockaddr*, socklen_t*);

void address_of(int fd, NameOf name_of, std::string& ip, int& port) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (name_of(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    return;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    port = ntohs(v6->sin6_port);
  } else {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    port = ntohs(v4->sin_port);
  }
  ip = text.data();
}

} // namespace

TlsContext load_tls_context(const std::string& certificate_file, const std::string& key_file) {
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (!context) {
    throw std::runtime_error("OpenSSL gives no TLS context");
  }
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1) {
    throw std::runtime_error("the certificate " + certificate_file + " cannot be read");
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    throw std::runtime_error("the key " + key_file + " cannot be read or is not the certificate's");
  }
  return context;
}

Connection::Connection(socket_t socket, SSL_CTX* tls) : socket_(socket) {
  const timeval timeout{io_timeout.count(), 0};
  set_option(socket, SOL_SOCKET, SO_RCVTIMEO, timeout);
  set_option(socket, SOL_SOCKET, SO_SNDTIMEO, timeout);
  // Head and body are two writes: without this the second waits for the client's delayed ACK.
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  if (tls != nullptr) {
    ssl_.reset(SSL_new(tls));
  }
}

bool Connection::handshake() {
  return !ssl_ || (SSL_set_fd(ssl_.get(), socket_.get()) == 1 && SSL_accept(ssl_.get()) == 1);
}

bool Connection::wait_for_request(std::chrono::milliseconds span) {
  return next_ < end_ || (ssl_ && SSL_pending(ssl_.get()) > 0) ||
         wait_for(socket_.get(), POLLIN, span);
}

bool Connection::is_readable() const {
  return next_ < end_ || (ssl_ && SSL_pending(ssl_.get()) > 0) ||
         wait_for(socket_.get(), POLLIN, io_timeout);
}

bool Connection::is_writable() const {
  return !dropped_ && wait_for(socket_.get(), POLLOUT, io_timeout);
}

bool Connection::fill() {
  ssize_t size = 0;
  do {
    size = ssl_ ? SSL_read(ssl_.get(), buffer_.data(), static_cast<int>(buffer_.size()))
                : ::recv(socket_.get(), buffer_.data(), buffer_.size(), 0);
  } while (size < 0 && !ssl_ && errno == EINTR);
  next_ = 0;
  end_ = size > 0 ? static_cast<std::size_t>(size) : 0;
  return size > 0;
}

ssize_t Connection::read(char* out, std::size_t size) {
  if (dropped_) {
    return -1;
  }
  if (next_ == end_ && !fill()) {
    return 0;
  }
  const std::size_t taken = std::min(size, end_ - next_);
  std::copy_n(buffer_.data() + next_, taken, out);
  next_ += taken;
  return static_cast<ssize_t>(taken);
}

ssize_t Connection::write(const char* data, std::size_t size) {
  if (dropped_) {
    return -1;
  }
  if (ssl_) {
    const auto part = std::min<std::size_t>(size, std::numeric_limits<int>::max());
    return SSL_write(ssl_.get(), data, static_cast<int>(part));
  }
  ssize_t sent = 0;
  do {
    sent = ::send(socket_.get(), data, size, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  address_of(socket_.get(), ::getpeername, ip, port);
}

void Connection::get_local_ip_and_port(std::string& ip, int& port) const {
  address_of(socket_.get(), ::getsockname, ip, port);
}

} // namespace kdq::sandbox
