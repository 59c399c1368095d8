// Which jobs a list shows, as its address says it.
#pragma once

#include "daemon/web/page.h"
#include "store/reader.h"

namespace kdq::web {

/// What is not set does not matter.
struct JobFilter {
  std::string state; ///< a state of jobs; `open`: queued, submitting, running or unconfirmed
  std::string app;
  std::string file_token;
  std::string script_name;
  std::string error; ///< a piece of its error text, whatever the case of its letters
  std::string cause; ///< as in dead_letters
  std::string schedule;
  std::optional<std::int64_t> batch;
  std::string since;       ///< created at or after this UTC time, as the database writes it
  std::string until;       ///< created before this one
  std::string ended_since; ///< ended at or after this one

  /// From the parameters state, app, file, script, error, cause, schedule, batch, since, until and
  /// ended_since.
  /// What cannot be understood is as if it were not there.
  static JobFilter of(const Visit& visit);
  /// For an address of the same list.
  std::vector<std::pair<std::string, std::string>> parameters() const;

  bool is_empty() const;
  /// A condition on columns of `jobs`, with the values for its ?1, ?2, …; for all jobs: 1.
  std::string condition(std::vector<Value>& bound) const;
  /// The same with its values in it, to be copied by a person.
  std::string literal_condition() const;
};

} // namespace kdq::web
