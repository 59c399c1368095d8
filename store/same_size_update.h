// UPDATEs of jobs that do not rewrite a long script; for the .cpp files of store/ only.
#pragma once

#include <initializer_list>
#include <string>

namespace kdq {

/// `column = value` of an UPDATE.
struct Assignment {
  enum class Kind { text, number };
  const char* column;
  const char* value; ///< SQL
  Kind kind = Kind::text;
};

/// `UPDATE jobs SET … WHERE …` with which the row stays as long as it was: as many bytes as the
/// columns grow, jobs.room shrinks. SQLite then overwrites in place the pages that differ, instead
/// of freeing and writing all pages of the row. Where room does not suffice, the row just grows.
std::string same_size_update(std::initializer_list<Assignment> assignments, const char* where);

} // namespace kdq
