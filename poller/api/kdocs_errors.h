// From an error reply to what it means: two tables and the sentence. Used by kdocs_replies.cpp and
// kdocs_tokens.cpp.
#pragma once

#include "poller/api/kdocs_api.h"
#include "poller/transport.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kdq::kdocs_api {

/// What a reply says about its failure.
struct Failure {
  Endpoint endpoint = Endpoint::submit;
  int http_status = 0;
  bool coded = false; ///< the body has a `code` that is not zero, be it readable or not
  std::optional<std::int64_t> code; ///< if it is readable
  std::string name;                 ///< the body's `result`, the name of the code
  std::string message;              ///< the service's own words
  std::optional<std::chrono::seconds> retry_after;
};

/// Whether a status says that the request failed.
bool is_http_error(int status);

/// The code, also if it is written as 30002.0. Nothing: the text is no whole number.
std::optional<std::int64_t> code_in(std::string_view text);

/// What a reply says outside of its body. How long it asks to wait is brought into bounds: 1 s to
/// longest_retry_after.
Failure failure_of(const Answered& reply, Endpoint endpoint);

/// Judges by the code if the table knows it, else by the HTTP status if that is an error, else as
/// an unknown code.
ServiceError judge(const Failure& failure);

/// What it says of itself, on one line and without what it means: `TooManyTask (code 30010): …`
std::string in_words(const Failure& failure);

/// A 2xx reply to a submit without a task id.
ServiceError no_task_id(const Failure& failure, std::string_view why);

} // namespace kdq::kdocs_api
