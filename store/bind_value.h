// Binds what a caller outside of store/ gives as a value; for the .cpp files of store/ only.
#pragma once

#include "store/reader.h"

#include <SQLiteCpp/Statement.h>

namespace kdq {

/// As ?1, ?2, …
inline void bind_values(SQLite::Statement& statement, const std::vector<Value>& values) {
  int index = 0;
  for (const Value& value : values) {
    ++index;
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      statement.bind(index, *integer);
    else if (const auto* number = std::get_if<double>(&value))
      statement.bind(index, *number);
    else if (const auto* text = std::get_if<std::string>(&value))
      statement.bind(index, *text);
    else
      statement.bind(index);
  }
}

} // namespace kdq
