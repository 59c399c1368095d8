// Whether a database is sound as a whole.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace SQLite {
class Database;
}

namespace kdq {

/// Pages of a database that are looked at, of all; false: it shall not go on.
using CheckGoesOn = std::function<bool(std::int64_t done, std::int64_t total)>;

/// SQLite's quick_check, which reads all pages: seconds a gigabyte. Empty: it is sound; else the
/// first thing that is wrong; nothing: it was given up. `goes_on` is called about every
/// millisecond. Throws SQLite::Exception. Takes the place of the connection's progress handler, and
/// leaves none.
std::optional<std::string> quick_check(SQLite::Database& database, const CheckGoesOn& goes_on);

} // namespace kdq
