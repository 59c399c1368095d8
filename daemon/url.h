// Addresses as libcurl reads them: what is checked here is what it connects to.
#pragma once

#include <string>
#include <string_view>
#include <variant>

namespace kdq {

/// An http or https address without user name and password.
struct Url {
  bool secure = false; ///< https
  std::string host;    ///< a v6 address has its brackets
  std::string port;    ///< a number up to 65535; empty: the scheme's own
  std::string path;    ///< as it is written
  std::string query;
  std::string fragment;
  std::string text; ///< the whole, as libcurl writes it
};

enum class UrlProblem { scheme, user, host, port, other };

/// `text` is taken as it is: nothing is guessed, no dots of a path are removed.
std::variant<Url, UrlProblem> parse_url(const std::string& text);

/// The value of a parameter in a query, percent-decoded once; a `+` stays. Empty: there is none.
std::string query_value(std::string_view query, std::string_view name);

/// Scheme and place up to and with the `/` behind them: addresses that begin with it go there.
std::string origin(const Url& url);

/// The host, a v6 address without the brackets that it has in a URL.
std::string_view without_brackets(std::string_view host);

/// What a socket is bound to for a host of this machine: without brackets, and for `localhost`
/// 127.0.0.1, as the name's address could be another one.
std::string bind_host(std::string_view host);

/// Whether traffic to the host cannot leave the machine: `localhost`, 127.0.0.0/8 or ::1, with or
/// without the brackets of a URL. A name that merely resolves to loopback does not count.
bool is_loopback(std::string_view host);

/// The rule for every request, as the access token stands in it: https, or http to loopback.
inline bool may_carry_token(const Url& url) {
  return url.secure || is_loopback(url.host);
}

} // namespace kdq
