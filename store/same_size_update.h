// UPDATEs of jobs that do not rewrite a long script; for the .cpp files of store/ only.
#pragma once

#include "store/job.h"

#include <initializer_list>
#include <string>
#include <string_view>

namespace kdq {

/// `column = value` of an UPDATE.
struct Assignment {
  enum class Kind {
    word,  ///< a short ASCII text, such as a state or a time
    text,  ///< any text
    given, ///< any text; NULL leaves the column as it is
    number ///< counts up
  };
  const char* column;
  const char* value; ///< SQL
  Kind kind;
};

/// `UPDATE jobs SET … WHERE …` with which the row stays as long as it was: as many bytes as the
/// columns grow, jobs.room shrinks. SQLite then overwrites in place the pages that differ, instead
/// of freeing and writing all pages of the row. Where room does not suffice, the row just grows.
/// `bytes` names the parameter to which bytes_in_row() of all new words and texts is bound.
std::string same_size_update(std::initializer_list<Assignment> assignments, const char* bytes,
                             const char* where);

/// The bytes that texts take in a row, their lengths in its header included as far as they vary
/// (sqlite.org/fileformat2.html, record format): texts of more than 57 bytes need one more.
std::int64_t bytes_in_row(std::initializer_list<std::string_view> texts);

} // namespace kdq
