// The check that the database's kept counters agree with its rows.
#pragma once

namespace kdq::test {

/// Counts the rows of job_counts that are wrong; running also stands for being started.
inline constexpr const char* wrong_counters =
    "SELECT count(*) FROM job_counts c WHERE jobs <> (SELECT count(*) FROM jobs j "
    "WHERE iif(j.state = 'submitting', 'running', j.state) = c.state)";

} // namespace kdq::test
