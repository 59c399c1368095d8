// Jobs that wait for something, and their user.
#pragma once

#include "store/dependencies.h"
#include "tests/store/sql_fixture.h"

#include <cstdint>
#include <string>
#include <vector>

namespace kdq::test {

struct DependencyFixture : SqlFixture {
  Dependencies dependencies{database};

  /// Returns the id.
  std::int64_t job(const std::string& columns = "", const std::string& values = "") {
    user.exec("INSERT INTO jobs(file_token, script" + (columns.empty() ? "" : ", " + columns) +
              ") VALUES ('f', 'x'" + (values.empty() ? "" : ", " + values) + ")");
    return user.number("SELECT max(id) FROM jobs");
  }
  std::string refused(const std::string& columns, const std::string& values,
                      const std::string& how = "INSERT") {
    const std::int64_t before = user.number("SELECT count(*) FROM jobs");
    std::string said = user.attempt(how + " INTO jobs(file_token, script, " + columns +
                                    ") VALUES ('f', 'x', " + values + ")");
    CHECK(user.number("SELECT count(*) FROM jobs") == before);
    return said;
  }
  void end(std::int64_t job, const std::string& state = "succeeded") {
    go(job, {"submitting", "running", state});
  }
  std::vector<std::string> hopeless() {
    std::vector<std::string> found;
    database.read([&] {
      found.clear();
      for (const auto& [job, reason] : dependencies.hopeless())
        found.push_back(std::to_string(job.value) + " " + reason);
    });
    return found;
  }
  std::string batch(std::int64_t id) {
    return user.text("SELECT state || ' ' || percent || ' ' || jobs || ': ' || waiting || ' ' || "
                     "running || ' ' || succeeded || ' ' || failed || ' ' || cancelled "
                     "FROM batch_progress WHERE batch_id = " +
                     std::to_string(id));
  }
  std::string argv(std::int64_t job) {
    return user.text("SELECT argv FROM job_inputs WHERE attempt IS NULL AND job_id = " +
                     std::to_string(job));
  }
};

} // namespace kdq::test
