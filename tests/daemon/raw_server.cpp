#include "tests/daemon/raw_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace kdq::test {

namespace {

sockaddr_in loopback() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// Binds to a free port of loopback.
UniqueFd bound_socket(int& port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback();
  socklen_t length = sizeof address;
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    throw std::runtime_error("no socket on loopback");
  port = ntohs(address.sin_port);
  return fd;
}

std::size_t body_length(const std::string& head) {
  const std::string name = "Content-Length: ";
  const std::size_t at = head.find(name);
  return at == std::string::npos ? 0 : std::stoul(head.substr(at + name.size()));
}

} // namespace

int closed_port() {
  int port = 0;
  bound_socket(port); // closed again at once
  return port;
}

std::optional<std::string> Connection::read_request() {
  for (;;) {
    if (const std::size_t end = buffered_.find("\r\n\r\n"); end != std::string::npos) {
      const std::size_t whole = end + 4 + body_length(buffered_.substr(0, end));
      if (buffered_.size() >= whole) {
        std::string request = buffered_.substr(0, whole);
        buffered_.erase(0, whole);
        server_.arrived(request);
        return request;
      }
    }
    char bytes[65536];
    const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
    if (got <= 0)
      return std::nullopt;
    buffered_.append(bytes, static_cast<std::size_t>(got));
  }
}

void Connection::write(const std::string& bytes) const {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0)
      return;
    sent += static_cast<std::size_t>(n);
  }
}

void Connection::answer(const std::string& status, const std::string& body,
                        const std::string& headers) const {
  write("HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
        headers + "\r\n" + body);
}

void Connection::wait_for_close() const {
  char byte = 0;
  while (::recv(fd_, &byte, 1, 0) > 0) {
  }
}

RawServer::RawServer(Serve serve) : serve_(std::move(serve)), listener_(bound_socket(port_)) {
  if (::listen(listener_.get(), 128) != 0)
    throw std::runtime_error("no socket on loopback");
  acceptor_ = std::thread([this] { accept_all(); });
}

RawServer::~RawServer() {
  ending_ = true;
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_)
      ::shutdown(fd, SHUT_RDWR);
    threads.swap(threads_);
  }
  for (auto& thread : threads)
    thread.join();
}

std::string RawServer::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<std::string> RawServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void RawServer::accept_all() {
  while (!ending_) {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd)
      continue;
    const std::lock_guard lock(mutex_);
    const int number = accepted_++;
    open_.push_back(fd.get());
    threads_.emplace_back([this, number, fd = std::move(fd)] {
      Connection connection(fd.get(), number, *this);
      serve_(connection);
      const std::lock_guard closing(mutex_);
      std::erase(open_, fd.get());
      ::shutdown(fd.get(), SHUT_RDWR);
    });
  }
}

void RawServer::arrived(const std::string& request) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(request);
}

} // namespace kdq::test
