#include "tests/daemon/web/raw_client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <stdexcept>

namespace kdq::test {
namespace {

constexpr int patience_ms = 30'000;

template <class Name>
UniqueFd connected(int family, const Name& name) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0)
    throw std::runtime_error("nobody listens");
  return fd;
}

} // namespace

RawClient::RawClient(int port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  name.sin_port = htons(static_cast<std::uint16_t>(port));
  fd_ = connected(AF_INET, name);
}

RawClient::RawClient(const std::filesystem::path& socket) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  socket.native().copy(name.sun_path, sizeof name.sun_path - 1);
  fd_ = connected(AF_UNIX, name);
}

bool RawClient::send(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t now = ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (now <= 0)
      return false;
    sent += static_cast<std::size_t>(now);
  }
  return true;
}

bool RawClient::receive() {
  pollfd wanted{fd_.get(), POLLIN, 0};
  if (::poll(&wanted, 1, patience_ms) <= 0)
    throw std::runtime_error("nothing comes: " + buffered_);
  std::array<char, 4096> room{};
  const ssize_t received = ::recv(fd_.get(), room.data(), room.size(), 0);
  if (received <= 0)
    return false;
  buffered_.append(room.data(), static_cast<std::size_t>(received));
  return true;
}

std::string RawClient::answer() {
  constexpr std::string_view length = "Content-Length: ";
  std::size_t head = 0;
  while ((head = buffered_.find("\r\n\r\n")) == std::string::npos)
    if (!receive())
      return std::exchange(buffered_, {});
  std::size_t size = head + 4;
  if (const std::size_t at = buffered_.find(length); at < head)
    size += std::stoul(buffered_.substr(at + length.size()));
  while (buffered_.size() < size && receive()) {
  }
  const std::string whole = buffered_.substr(0, size);
  buffered_.erase(0, size);
  return whole;
}

std::string RawClient::until(const std::string& text) {
  while ((text.empty() || buffered_.find(text) == std::string::npos) && receive()) {
  }
  return std::exchange(buffered_, {});
}

} // namespace kdq::test
