// The check that the database's kept counters agree with its rows.
#pragma once

namespace kdq::test {

/// Counts the rows of job_counts and of batches that are wrong; running also stands for being
/// started.
inline constexpr const char* wrong_counters =
    "SELECT (SELECT count(*) FROM job_counts c WHERE jobs <> (SELECT count(*) FROM jobs j "
    "WHERE iif(j.state = 'submitting', 'running', j.state) = c.state)) + "
    "(SELECT count(*) FROM batches b WHERE (jobs, waiting, running, succeeded, failed, cancelled) "
    "IS NOT (SELECT count(*), total(state IN ('queued', 'unconfirmed')), "
    "total(state IN ('submitting', 'running')), total(state = 'succeeded'), "
    "total(state IN ('failed', 'timed_out')), total(state = 'cancelled') "
    "FROM jobs j WHERE j.batch_id = b.id))";

} // namespace kdq::test
