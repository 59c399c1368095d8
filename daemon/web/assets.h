// Files of the pages that are in the program: the stylesheet, the script, the icon.
#pragma once

#include <string_view>

namespace kdq::web {

struct Asset {
  std::string_view path;
  std::string_view type;
  std::string_view bytes;
};

/// The one under this address; null: there is none.
const Asset* asset_of(std::string_view path);

} // namespace kdq::web
