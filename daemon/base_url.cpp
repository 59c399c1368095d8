#include "daemon/base_url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace kdq {

namespace {

struct Authority {
  std::string_view host;
  std::string_view port;
};

/// Splits `host:port`, where the host may be `[v6]`.
Authority split_authority(std::string_view text) {
  const std::size_t after_host = text.starts_with('[') ? text.find(']') : 0;
  const std::size_t colon = text.find(':', after_host == std::string_view::npos ? 0 : after_host);
  if (colon == std::string_view::npos)
    return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

bool is_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

bool is_visible_ascii(char c) {
  return c > 0x20 && c < 0x7f;
}

} // namespace

bool is_loopback(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  if (host == "localhost")
    return true;
  const std::string text(host);
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1)
    return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

std::optional<std::string> base_url_problem(std::string_view url) {
  const std::string wanted = "must be an address like https://developer.kdocs.cn";
  if (!std::all_of(url.begin(), url.end(), is_visible_ascii))
    return wanted + ", without spaces and without characters outside of ASCII";
  bool secure = false;
  if (url.starts_with("https://")) {
    secure = true;
    url.remove_prefix(8);
  } else if (url.starts_with("http://")) {
    url.remove_prefix(7);
  } else {
    return wanted + "; it does not begin with https://";
  }
  if (url.find_first_of("?#\\") != std::string_view::npos)
    return wanted + ", without query and fragment";
  const std::string_view authority = url.substr(0, url.find('/'));
  if (authority.find('@') != std::string_view::npos)
    return wanted + ", without user name and password";
  const auto [host, port] = split_authority(authority);
  if (host.empty())
    return wanted + "; the host name is missing";
  if (authority.ends_with(':') || (!port.empty() && !is_port(port)))
    return wanted + "; the port must be a number from 1 to 65535";
  if (!secure && !is_loopback(host))
    return "must begin with https://: over plain http anyone on the way could read the access "
           "token (http is accepted for 127.0.0.1, ::1 and localhost only)";
  return std::nullopt;
}

} // namespace kdq
