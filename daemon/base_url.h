// What may stand in `base_url`: the one place that decides where a token may travel.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kdq {

/// Whether traffic to the host cannot leave the machine: `localhost`, 127.0.0.0/8 or ::1, with or
/// without the brackets of a URL. A name that merely resolves to loopback does not count.
bool is_loopback(std::string_view host);

/// What is wrong with a base URL, as a sentence; nothing if it can be used. Plain http is accepted
/// for loopback hosts only, because the access token stands in every request.
std::optional<std::string> base_url_problem(std::string_view url);

} // namespace kdq
