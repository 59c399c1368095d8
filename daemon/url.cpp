#include "daemon/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <new>

namespace kdq {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
using Parsed = std::unique_ptr<CURLU, FreeUrl>;

/// Empty if the address has no such part.
std::string part(const Parsed& url, CURLUPart which) {
  char* found = nullptr;
  if (curl_url_get(url.get(), which, &found, 0) != CURLUE_OK)
    return {};
  std::string text = found;
  curl_free(found);
  return text;
}

UrlProblem problem_of(CURLUcode code) {
  switch (code) {
  case CURLUE_OUT_OF_MEMORY:
    throw std::bad_alloc();
  case CURLUE_BAD_SCHEME:
  case CURLUE_UNSUPPORTED_SCHEME:
    return UrlProblem::scheme;
  case CURLUE_USER_NOT_ALLOWED:
    return UrlProblem::user;
  case CURLUE_NO_HOST:
  case CURLUE_BAD_HOSTNAME:
  case CURLUE_BAD_IPV6:
    return UrlProblem::host;
  case CURLUE_BAD_PORT_NUMBER:
    return UrlProblem::port;
  default:
    return UrlProblem::other;
  }
}

} // namespace

std::variant<Url, UrlProblem> parse_url(const std::string& text) {
  const Parsed parsed(curl_url());
  if (!parsed)
    throw std::bad_alloc();
  if (const CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, text.c_str(),
                                          CURLU_PATH_AS_IS | CURLU_DISALLOW_USER);
      code != CURLUE_OK)
    return problem_of(code);
  const std::string scheme = part(parsed, CURLUPART_SCHEME);
  if (scheme != "https" && scheme != "http")
    return UrlProblem::scheme;
  return Url{scheme == "https",
             part(parsed, CURLUPART_HOST),
             part(parsed, CURLUPART_PORT),
             part(parsed, CURLUPART_PATH),
             part(parsed, CURLUPART_QUERY),
             part(parsed, CURLUPART_FRAGMENT),
             part(parsed, CURLUPART_URL)};
}

std::string query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t sign = pair.find('=');
    if (sign == pair.npos || pair.substr(0, sign) != name)
      continue;
    const std::string_view value = pair.substr(sign + 1);
    if (value.empty())
      return {}; // libcurl takes no length for "up to the NUL"
    int length = 0;
    char* decoded =
        curl_easy_unescape(nullptr, value.data(), static_cast<int>(value.size()), &length);
    if (decoded == nullptr)
      throw std::bad_alloc();
    std::string text(decoded, static_cast<std::size_t>(length));
    curl_free(decoded);
    return text;
  }
  return {};
}

std::string origin(const Url& url) {
  return (url.secure ? "https://" : "http://") + url.host + (url.port.empty() ? "" : ":") +
         url.port + "/";
}

std::string_view without_brackets(std::string_view host) {
  const bool has_them = host.starts_with('[') && host.ends_with(']');
  return has_them ? host.substr(1, host.size() - 2) : host;
}

std::string bind_host(std::string_view host) {
  return host == "localhost" ? "127.0.0.1" : std::string(without_brackets(host));
}

bool is_loopback(std::string_view host) {
  if (host == "localhost")
    return true;
  const std::string text(without_brackets(host));
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1)
    return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

} // namespace kdq
