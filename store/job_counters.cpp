#include "store/job_counters.h"

#include "store/database.h"
#include "store/statement.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>

namespace kdq {
namespace {

/// What a row of job_counts should say.
constexpr char counted[] = "CASE state "
                           "WHEN 'queued' THEN (SELECT count(*) FROM queue) "
                           "WHEN 'running' THEN (SELECT count(*) FROM jobs INDEXED BY jobs_open "
                           "  WHERE (state = 'submitting' OR state = 'running' OR state = "
                           "'unconfirmed') AND state <> 'unconfirmed') "
                           "ELSE (SELECT count(*) FROM jobs INDEXED BY jobs_open "
                           "  WHERE (state = 'submitting' OR state = 'running' OR state = "
                           "'unconfirmed') AND state = 'unconfirmed') END";

/// Of batches that have not ended, those that have counted a job that is not there any more.
constexpr char with_wrong_batch[] =
    " FROM batches AS b WHERE ended_at IS NULL AND jobs <> "
    "(SELECT count(*) FROM jobs INDEXED BY jobs_in_batch WHERE batch_id = b.id) ";

/// Rows of jobs that are not there any more.
constexpr char of_no_job[] = " WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE id = job_id) ";

/// Jobs of a file of which none is the next one.
constexpr char stranded[] = " FROM queue AS p WHERE lane = 'parked' AND NOT EXISTS (SELECT 1 FROM "
                            "queue AS r WHERE r.app = p.app AND r.file_token = p.file_token AND "
                            "r.lane = 'ready' AND r.class = p.class AND r.scheduled = p.scheduled)";

/// The counter of job_counts in which a state is counted; none: it is not.
enum class Counter : std::size_t { queued, running, unconfirmed };
constexpr std::array counter_names{"queued", "running", "unconfirmed"};

std::optional<Counter> counter_of(JobState state) {
  switch (state) {
  case JobState::queued:
    return Counter::queued;
  case JobState::submitting:
  case JobState::running:
    return Counter::running;
  case JobState::unconfirmed:
    return Counter::unconfirmed;
  default:
    return std::nullopt;
  }
}

/// The counters of a batch, as its columns are.
enum class BatchCounter : std::size_t { waiting, running, succeeded, failed, cancelled };
using BatchChange = std::array<std::int64_t, 5>;

BatchCounter batch_counter_of(JobState state) {
  switch (state) {
  case JobState::queued:
  case JobState::unconfirmed:
    return BatchCounter::waiting;
  case JobState::submitting:
  case JobState::running:
    return BatchCounter::running;
  case JobState::succeeded:
    return BatchCounter::succeeded;
  case JobState::failed:
  case JobState::timed_out:
    return BatchCounter::failed;
  case JobState::cancelled:
    break;
  }
  return BatchCounter::cancelled;
}

} // namespace

struct JobCounters::Impl {
  explicit Impl(Database& database) : owner(database), db(database.connection()) {
    owner.at_commit(
        this, [this] { write(); }, [this] { forget(); });
  }
  ~Impl() { owner.at_commit(this, nullptr, nullptr); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Database& owner;
  SQLite::Database& db;
  std::array<std::int64_t, counter_names.size()> changes{}; ///< of this transaction
  std::map<std::int64_t, BatchChange> batch_changes;        ///< of this transaction
  bool count_afresh = false;                                ///< at the end of this transaction

  Statement count{db, "SELECT jobs FROM job_counts WHERE state = ?1"};
  Statement add_count{db, "UPDATE job_counts SET jobs = min(jobs, 1000000000000) + ?2 "
                          "WHERE state = ?1"};
  Statement add_to_batch{db, "UPDATE batches SET rev = rev + 1, waiting = waiting + ?2, "
                             "running = running + ?3, succeeded = succeeded + ?4, "
                             "failed = failed + ?5, cancelled = cancelled + ?6 WHERE id = ?1"};
  Statement wrong_counts{db,
                         "SELECT count(*) FROM job_counts WHERE jobs <> " + std::string(counted)};
  Statement recount{db, "UPDATE job_counts SET jobs = " + std::string(counted)};
  Statement any_wrong_batch{db, "SELECT 1" + std::string(with_wrong_batch) + "LIMIT 1"};
  Statement any_left_behind{db, "SELECT 1 FROM needs" + std::string(of_no_job) + "LIMIT 1"};
  Statement drop_places{db, "DELETE FROM queue WHERE job_id IN (SELECT job_id FROM needs" +
                                std::string(of_no_job) + ")"};
  Statement drop_needs{db, "DELETE FROM needs" + std::string(of_no_job)};
  Statement drop_dependencies{db, "DELETE FROM dependencies" + std::string(of_no_job)};
  Statement drop_inputs{db, "DELETE FROM sent_inputs" + std::string(of_no_job)};
  Statement any_stranded{db, "SELECT 1" + std::string(stranded) + " LIMIT 1"};
  // All of the file, of which a look at the queue parks the others again.
  Statement unpark{db, "UPDATE queue SET lane = 'ready' WHERE job_id IN (SELECT job_id" +
                           std::string(stranded) + ")"};
  Statement recount_batches{
      db, "UPDATE batches SET rev = rev + 1, (jobs, waiting, running, succeeded, failed, "
          "cancelled) = (SELECT count(*), "
          "count(*) FILTER (WHERE state IN ('queued', 'unconfirmed')), "
          "count(*) FILTER (WHERE state IN ('submitting', 'running')), "
          "count(*) FILTER (WHERE state = 'succeeded'), "
          "count(*) FILTER (WHERE state IN ('failed', 'timed_out')), "
          "count(*) FILTER (WHERE state = 'cancelled') FROM jobs WHERE batch_id = batches.id) "
          "WHERE id IN (SELECT id" +
              std::string(with_wrong_batch) + ")"};

  std::size_t number(Counter counter) {
    const std::string name = counter_names[static_cast<std::size_t>(counter)];
    return static_cast<std::size_t>(std::max<std::int64_t>(0, count.integer(name).value_or(0)));
  }
  void add(JobState state, std::int64_t jobs) {
    if (const auto counter = counter_of(state))
      changes[static_cast<std::size_t>(*counter)] += jobs;
  }
  void write();
  void forget() {
    changes = {};
    batch_changes.clear();
    count_afresh = false;
  }
};

void JobCounters::Impl::write() {
  for (std::size_t i = 0; i < changes.size(); ++i)
    if (changes[i] != 0)
      add_count.run(std::string(counter_names[i]), changes[i]);
  for (const auto& [batch, change] : batch_changes)
    add_to_batch.run(batch, change[0], change[1], change[2], change[3], change[4]);
  if (count_afresh) {
    drop_places.run();
    for (Statement* drop : {&drop_needs, &drop_dependencies, &drop_inputs})
      drop->run();
    unpark.run();
    recount.run();
    recount_batches.run();
  }
  forget();
}

JobCounters::JobCounters(Database& database) : impl_(std::make_unique<Impl>(database)) {}
JobCounters::~JobCounters() = default;

std::size_t JobCounters::queued() {
  return impl_->number(Counter::queued);
}

std::size_t JobCounters::busy() {
  return impl_->number(Counter::running);
}

void JobCounters::move(JobState before, JobState after, std::optional<std::int64_t> batch) {
  impl_->add(before, -1);
  impl_->add(after, +1);
  if (!batch)
    return;
  BatchChange& change = impl_->batch_changes[*batch];
  --change[static_cast<std::size_t>(batch_counter_of(before))];
  ++change[static_cast<std::size_t>(batch_counter_of(after))];
}

bool JobCounters::are_right() {
  return impl_->wrong_counts.integer() == 0 && !impl_->any_wrong_batch.integer() &&
         !impl_->any_left_behind.integer() && !impl_->any_stranded.integer();
}

void JobCounters::recount() {
  impl_->count_afresh = true;
}

} // namespace kdq
