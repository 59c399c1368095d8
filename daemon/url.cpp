#include "daemon/url.h"

#include <arpa/inet.h>
#include <curl/urlapi.h>

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
             part(parsed, CURLUPART_QUERY),
             part(parsed, CURLUPART_FRAGMENT),
             part(parsed, CURLUPART_URL)};
}

std::string origin(const Url& url) {
  return (url.secure ? "https://" : "http://") + url.host + (url.port.empty() ? "" : ":") +
         url.port + "/";
}

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

} // namespace kdq
