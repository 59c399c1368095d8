#include "tests/bench/fast_kdocs/http.h"

#include <strings.h>

#include <algorithm>
#include <charconv>

namespace kdq::bench {

namespace {

std::size_t content_length(std::string_view head) {
  constexpr std::string_view name = "\r\nContent-Length:";
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at + 2)) {
    if (head.size() - at < name.size() ||
        ::strncasecmp(head.data() + at, name.data(), name.size()) != 0)
      continue;
    std::string_view value = head.substr(at + name.size());
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    std::size_t length = 0;
    std::from_chars(value.data(), value.data() + value.size(), length);
    return length;
  }
  return 0;
}

} // namespace

std::optional<Request> first_request(std::string_view stream) {
  const std::size_t blank = stream.find("\r\n\r\n");
  if (blank == std::string_view::npos)
    return std::nullopt;
  const std::string_view head = stream.substr(0, blank);
  Request request;
  request.post = head.starts_with('P');
  const std::size_t length = request.post ? content_length(head) : 0;
  request.bytes = blank + 4 + length;
  if (stream.size() < request.bytes)
    return std::nullopt;
  const std::size_t begin = head.find(' ') + 1;
  request.target = head.substr(begin, head.find(' ', begin) - begin);
  request.body = stream.substr(blank + 4, length);
  return request;
}

void append_reply(std::string& out, int status, std::string_view body) {
  out += status == 200 ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 404 Not Found\r\n";
  out += "Content-Type: application/json\r\nContent-Length: ";
  out += std::to_string(body.size());
  out += "\r\n\r\n";
  out += body;
}

} // namespace kdq::bench
