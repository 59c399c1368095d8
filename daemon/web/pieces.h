// What several pages show in the same way.
#pragma once

#include "daemon/web/page.h"

#include <chrono>

namespace kdq::web {

/// A time of the database (UTC text) for people; the page's script shows it in the browser's zone.
/// An empty one is a dash; what is no time is shown as it is.
Html time_of(std::string_view text);

/// How long ago a time of the database was (or how far ahead it is), as 3 min.
Html age_of(std::string_view text, const Visit& visit);

/// 1.2 s, 3 min 5 s, 2 h 10 min, 3 d 4 h.
std::string span_text(std::chrono::milliseconds span);

/// A job's or batch's state in the visitor's language, coloured.
Html state_badge(std::string_view state, const Visit& visit);
std::string_view state_word(std::string_view state, const Visit& visit);

/// #5, linked.
Html job_link(std::int64_t job);

/// A number with thin spaces between thousands.
std::string grouped(std::int64_t number);

/// Hidden fields and a button that asks for a change, below a page's form (see actions.h):
/// `fields` are its parameters. Empty if the visitor may not act.
Html action_button(const Visit& visit, std::string_view label,
                   const std::vector<std::pair<std::string, std::string>>& fields);

} // namespace kdq::web
