#include "store/job_changes.h"

#include "store/bind_value.h"
#include "store/connection.h"
#include "store/statement.h"
#include "store/user_connection.h"

#include <sqlite3.h>

#include <algorithm>
#include <stdexcept>

namespace kdq {
namespace {

// The lock is the daemon's, too, who waits for it with what KDocs has answered.
constexpr std::int64_t jobs_per_write = 500;
// Whatever the condition, and however long the rows, a read is over soon: no index is needed but
// the table's own.
constexpr std::int64_t ids_per_read = 1000;
constexpr int reads_per_call = 1000;

/// The number of a parameter behind those of the selection.
std::string parameter(const JobSelection& jobs, std::size_t number) {
  return "?" + std::to_string(jobs.bound.size() + number);
}

std::vector<Value> with(const JobSelection& jobs, std::initializer_list<Value> more) {
  std::vector<Value> values = jobs.bound;
  values.insert(values.end(), more);
  return values;
}

} // namespace

struct JobChanges::Impl {
  explicit Impl(const std::filesystem::path& file) : connection(file) {}

  UserConnection connection;
  SQLite::Database& db = connection.database();

  Statement set_state{db, "UPDATE jobs SET state = ?2 WHERE id = ?1"};
  Statement last{db, "SELECT max(id) FROM jobs WHERE id <= ?1"};
  Statement pause{db, "INSERT INTO pauses(scope, key, reason) VALUES (?1, ?2, ?3)"};
  Statement resume{db, "DELETE FROM pauses WHERE scope = ?1 AND key = ?2"};
  Statement run_schedule{
      db, "INSERT INTO jobs(file_token, script, script_name, argv, app, priority, max_attempts, "
          "timeout_s, on_unconfirmed, class, schedule) SELECT file_token, script, script_name, "
          "argv, app, priority, max_attempts, timeout_s, on_unconfirmed, class, name FROM "
          "schedules WHERE name = ?1"};

  std::vector<std::int64_t> find(const JobSelection& jobs, std::int64_t from, std::int64_t to,
                                 std::int64_t most);
  std::vector<std::int64_t> gather(const JobSelection& jobs, std::int64_t most,
                                   std::optional<std::int64_t>& below, int& reads);
  void change(const JobSelection& jobs, JobState state, const std::vector<std::int64_t>& ids,
              ManyChanged& many);
};

/// The next of them with ids in that range, newest first, at most so many.
std::vector<std::int64_t> JobChanges::Impl::find(const JobSelection& jobs, std::int64_t from,
                                                 std::int64_t to, std::int64_t most) {
  SQLite::Statement select(db, "SELECT id FROM jobs NOT INDEXED WHERE id BETWEEN " +
                                   parameter(jobs, 1) + " AND " + parameter(jobs, 2) + " AND (" +
                                   jobs.condition + ") ORDER BY id DESC LIMIT " +
                                   parameter(jobs, 3));
  bind_values(select, with(jobs, {from, to, most}));
  std::vector<std::int64_t> ids;
  while (select.executeStep())
    ids.push_back(select.getColumn(0).getInt64());
  return ids;
}

/// The same from the id `below` downwards, which becomes the greatest that was not looked at. Each
/// read is one of `reads`.
std::vector<std::int64_t> JobChanges::Impl::gather(const JobSelection& jobs, std::int64_t most,
                                                   std::optional<std::int64_t>& below, int& reads) {
  std::vector<std::int64_t> ids;
  for (; below && reads > 0 && std::ssize(ids) < most; --reads)
    connection.read([&] {
      below = last.integer(*below);
      if (!below)
        return;
      const std::int64_t from = std::max<std::int64_t>(*below - ids_per_read + 1, 1);
      const auto found = find(jobs, from, *below, most - std::ssize(ids));
      ids.insert(ids.end(), found.begin(), found.end());
      below = (std::ssize(ids) == most ? ids.back() : from) - 1;
    });
  return ids;
}

void JobChanges::Impl::change(const JobSelection& jobs, JobState state,
                              const std::vector<std::int64_t>& ids, ManyChanged& many) {
  SQLite::Statement update(db, "UPDATE jobs SET state = " + parameter(jobs, 1) + " WHERE id = " +
                                   parameter(jobs, 2) + " AND (" + jobs.condition + ")");
  // Bound once: a value for LIKE that is bound anew has SQLite prepare the statement and all its
  // triggers again.
  bind_values(update, with(jobs, {std::string(to_text(state))}));
  const int id_parameter = static_cast<int>(jobs.bound.size()) + 2;
  for (const std::int64_t id : ids) {
    update.bind(id_parameter, id);
    try {
      many.changed += update.exec();
    } catch (const SQLite::Exception& error) {
      // A trigger may also have ended the whole transaction.
      if (primary_code(error) != SQLITE_CONSTRAINT || sqlite3_get_autocommit(db.getHandle()) != 0)
        throw;
      ++many.refused;
      if (many.refusal.empty())
        many.refusal = error.what();
    }
    update.tryReset();
  }
}

JobChanges::JobChanges(const std::filesystem::path& file) : impl_(std::make_unique<Impl>(file)) {}

JobChanges::~JobChanges() = default;

bool JobChanges::set_state(JobId job, JobState state) {
  bool applied = false;
  impl_->connection.write([&] { applied = impl_->set_state.run(job, state) == 1; });
  return applied;
}

ManyChanged JobChanges::set_state(const JobSelection& jobs, JobState state, std::int64_t up_to,
                                  std::int64_t most) {
  Impl& impl = *impl_;
  ManyChanged many;
  many.below = up_to;
  std::int64_t left = std::min(most, jobs_per_call);
  int reads = reads_per_call;
  while (many.below && reads > 0 && left > 0) {
    const std::optional<std::int64_t> begun = many.below;
    ManyChanged chunk;
    try {
      const auto ids = impl.gather(jobs, std::min(left, jobs_per_write), many.below, reads);
      if (!ids.empty())
        impl.connection.write([&] { impl.change(jobs, state, ids, chunk); });
      left -= std::ssize(ids);
    } catch (const std::runtime_error& trouble) {
      if (many.changed == 0)
        throw;
      many.trouble = trouble.what();
      many.below = begun;
      return many;
    }
    many.changed += chunk.changed;
    many.refused += chunk.refused;
    if (many.refusal.empty())
      many.refusal = chunk.refusal;
  }
  if (many.below)
    impl.connection.read([&] { many.below = impl.last.integer(*many.below); });
  return many;
}

void JobChanges::pause(const std::string& scope, const std::string& key,
                       const std::string& reason) {
  impl_->connection.write(
      [&] { impl_->pause.run(scope, key, reason.empty() ? nullptr : &reason); });
}

bool JobChanges::resume(const std::string& scope, const std::string& key) {
  bool applied = false;
  impl_->connection.write([&] { applied = impl_->resume.run(scope, key) > 0; });
  return applied;
}

std::optional<JobId> JobChanges::run_schedule(const std::string& name) {
  std::optional<JobId> job;
  impl_->connection.write([&] {
    if (impl_->run_schedule.run(name) == 1)
      job = JobId{impl_->db.getLastInsertRowid()};
  });
  return job;
}

} // namespace kdq
