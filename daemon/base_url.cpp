#include "daemon/base_url.h"

#include "daemon/url.h"
#include "poller/api/ascii.h"

namespace kdq {
namespace {

std::string in_words(UrlProblem problem) {
  switch (problem) {
  case UrlProblem::scheme:
    return "; it does not begin with https://";
  case UrlProblem::user:
    return ", without user name and password";
  case UrlProblem::host:
    return "; the host name is missing or has characters that none can have";
  case UrlProblem::port:
    return "; the port must be a number from 1 to 65535";
  case UrlProblem::other:
    break;
  }
  return "";
}

} // namespace

std::optional<std::string> base_url_problem(const std::string& url) {
  const std::string wanted = "must be an address like https://developer.kdocs.cn";
  if (!is_visible_ascii(url))
    return wanted + ", without spaces and without characters outside of ASCII";
  const auto parsed = parse_url(url);
  if (const auto* problem = std::get_if<UrlProblem>(&parsed))
    return wanted + in_words(*problem);
  const auto& read = std::get<Url>(parsed);
  if (!read.query.empty() || !read.fragment.empty())
    return wanted + ", without query and fragment";
  if (read.port == "0")
    return wanted + in_words(UrlProblem::port);
  if (!may_carry_token(read))
    return "must begin with https://: over plain http anyone on the way could read the access "
           "token (http is accepted for 127.0.0.1, ::1 and localhost only)";
  // Paths are appended to it, so nothing may stand in it that is read as something else.
  if (read.text != url && read.text != url + "/")
    return "must be written as " + read.text;
  return std::nullopt;
}

} // namespace kdq
