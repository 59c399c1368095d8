// Parts, tables and bars, of which the pages about the whole queue are made.
#pragma once

#include "daemon/web/page.h"
#include "store/reader.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace kdq::web {

/// A part that one read makes. If that takes too long the part says so, and the rest of the page is
/// there all the same. Throws what else Reader::read() throws.
Part read_part(Reader& reader, const Visit& visit, std::string id,
               const std::function<Html(Reader::Snapshot&)>& make);

struct Column {
  std::string_view words;
  bool is_number = false;
};

/// A table that scrolls by itself where it is too wide. `label`: what it is, for who does not see
/// it. `rows`: its <tr> elements. `kind`: its class in the stylesheet, if it has one.
Html table(std::string_view label, const std::vector<Column>& columns, const Html& rows,
           std::string_view kind = {});

/// A bar with its percentage in digits; what is beyond 0 to 100 is cut off. `label`: of what it
/// is.
Html progress_bar(std::int64_t percent, std::string_view label);

/// Up to `most` bytes of a text in a <pre>, a word if there is more, and a link to `whole`, the
/// address of all of it.
Html long_text(std::string_view text, std::size_t most, std::string_view whole, const Visit& visit);

} // namespace kdq::web
