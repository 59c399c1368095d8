#include "daemon/web/listen_address.h"

#include "daemon/url.h"
#include "poller/api/number_in.h"

#include <arpa/inet.h>
#include <sys/un.h>

namespace kdq::web {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr int highest_port = 65535;

bool is_ip(const std::string& host) {
  in6_addr room{};
  return ::inet_pton(AF_INET, host.c_str(), &room) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &room) == 1;
}

[[noreturn]] void refuse(const std::string& text, const std::string& why) {
  throw ListenError("cannot listen on " + text + ": " + why +
                    " (as in 127.0.0.1:8742, [::1]:8742 or unix:/run/kdocs-queued-web/page.sock)");
}

} // namespace

bool ListenAddress::is_local() const {
  return !socket.empty() || is_loopback(host);
}

std::string ListenAddress::url(int port_in_use) const {
  if (!socket.empty())
    return std::string(unix_prefix) + socket.string();
  const bool six = host.find(':') != std::string::npos;
  return "http://" + (six ? "[" + host + "]" : host) + ":" + std::to_string(port_in_use);
}

ListenAddress listen_address(const std::string& text) {
  ListenAddress address;
  if (text.starts_with(unix_prefix)) {
    address.socket = text.substr(unix_prefix.size());
    if (!address.socket.is_absolute())
      refuse(text, "a socket is named by its full path");
    if (address.socket.native().size() >= sizeof(sockaddr_un::sun_path))
      refuse(text, "the path of a socket has at most " +
                       std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes");
    return address;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos)
    refuse(text, "a port is missing");
  address.host = bind_host(text.substr(0, colon));
  if (!is_ip(address.host))
    refuse(text, "it does not begin with an IP address");
  const auto port = number_in<int>(std::string_view(text).substr(colon + 1));
  if (!port || *port < 0 || *port > highest_port)
    refuse(text, "the port is no number up to 65535");
  address.port = *port;
  return address;
}

} // namespace kdq::web
