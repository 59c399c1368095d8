// What a job with pass_as gets from the jobs that it needs.
#pragma once

#include "store/job.h"

#include <memory>
#include <optional>
#include <string>

namespace kdq {

class Database;

class JobInputs {
public:
  explicit JobInputs(Database& database);
  ~JobInputs();

  /// How long that is which a job would get, in bytes, or more: to be asked before take().
  std::int64_t bytes(JobId job);
  /// Its argv with it in it, a JSON object as text; and stores it as what is sent. Nothing, and
  /// nothing is stored: SQLite cannot make JSON of it.
  std::optional<std::string> take(JobId job, int attempt);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace kdq
