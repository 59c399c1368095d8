// Just enough HTTP/1.1 for one fast server: whole requests out of a stream of bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kdq::bench {

struct Request {
  bool post = false;
  std::string_view target; ///< path and query, as on the wire
  std::string_view body;
  std::size_t bytes = 0; ///< of the stream that it took
};

/// The first request in `stream`, if it is there as a whole; views into `stream`. Chunked bodies
/// are not known.
std::optional<Request> first_request(std::string_view stream);

/// Appends a 200 with a JSON body; nothing else is ever answered but 404.
void append_reply(std::string& out, int status, std::string_view body);

} // namespace kdq::bench
