#include "store/same_size_update.h"

namespace kdq {
namespace {

/// The bytes that a value takes in a row, its length in the row's header included as far as it
/// varies (sqlite.org/fileformat2.html, record format): texts of more than 57 bytes need one more.
std::string size_of(const char* value, Assignment::Kind kind) {
  const std::string v = std::string("(") + value + ")";
  if (kind == Assignment::Kind::number)
    return "CASE WHEN " + v + " IN (0, 1) THEN 0 WHEN " + v + " < 128 THEN 1 WHEN " + v +
           " < 32768 THEN 2 ELSE 3 END";
  const std::string bytes = "coalesce(length(CAST(" + v + " AS BLOB)), 0)";
  return bytes + " + (" + bytes + " > 57)";
}

} // namespace

std::string same_size_update(std::initializer_list<Assignment> assignments, const char* where) {
  std::string sql = "UPDATE jobs SET ";
  std::string room = "length(room)";
  for (const Assignment& set : assignments) {
    sql += std::string(set.column) + " = " + set.value + ", ";
    room += " + (" + size_of(set.column, set.kind) + ") - (" + size_of(set.value, set.kind) + ")";
  }
  return sql + "room = zeroblob(max(0, " + room + ")) WHERE " + where;
}

} // namespace kdq
