#include "store/same_size_update.h"

namespace kdq {
namespace {

using Kind = Assignment::Kind;

constexpr std::size_t longest_short_text = 57;
const std::string over_short = " > " + std::to_string(longest_short_text);

/// What bytes_in_row() says, of a column as it stands in the row.
std::string bytes_of_old(const Assignment& set) {
  const std::string column = set.column;
  if (set.kind == Kind::word) // of ASCII, as many characters as bytes
    return "ifnull(length(" + column + "), 0)";
  const std::string bytes = "length(CAST(" + column + " AS BLOB))";
  const std::string nothing =
      column + " IS NULL" +
      (set.kind == Kind::given ? " OR " + std::string(set.value) + " IS NULL" : "");
  return "iif(" + nothing + ", 0, " + bytes + " + (" + bytes + over_short + "))";
}

std::string bytes_of_number(const std::string& number) {
  return "CASE WHEN " + number + " < 2 THEN 0 WHEN " + number + " < 128 THEN 1 WHEN " + number +
         " < 32768 THEN 2 ELSE 3 END";
}

} // namespace

std::string same_size_update(std::initializer_list<Assignment> assignments, const char* bytes,
                             const char* where) {
  std::string sql = "UPDATE jobs SET ";
  // What room is to take in the row, its length's extra byte included.
  std::string room = "length(room) + (length(room)" + over_short + ") - " + std::string(bytes);
  for (const Assignment& set : assignments) {
    const std::string column = set.column;
    const std::string value = set.value;
    sql += column + " = " +
           (set.kind == Kind::given ? "coalesce(" + value + ", " + column + ")" : value) + ", ";
    if (set.kind == Kind::number)
      room += " + (" + bytes_of_number(column) + ") - (" + bytes_of_number("(" + value + ")") + ")";
    else
      room += " + " + bytes_of_old(set);
  }
  return sql + "room = zeroblob(max(0, (" + room + ") - ((" + room + ") - 1" + over_short +
         "))) WHERE " + where;
}

std::int64_t bytes_in_row(std::initializer_list<std::string_view> texts) {
  std::size_t bytes = 0;
  for (const std::string_view text : texts)
    bytes += text.size() + (text.size() > longest_short_text ? 1 : 0);
  return static_cast<std::int64_t>(bytes);
}

} // namespace kdq
