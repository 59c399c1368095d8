// What may stand in `base_url`.
#pragma once

#include <optional>
#include <string>

namespace kdq {

/// What is wrong with a base URL, as a sentence; nothing if it can be used. Plain http is accepted
/// for loopback hosts only, because the access token stands in every request.
std::optional<std::string> base_url_problem(const std::string& url);

} // namespace kdq
