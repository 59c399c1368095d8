#include "daemon/web/job_search.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace kdq::web {
namespace {

/// Jobs that are looked at in one read: first few, for the case that rows are long or must come
/// from the disk. Of all jobs no more than whose pages fit into the connection's cache, as their
/// ids are read beforehand; of an index that is to be sorted more, as it is sorted for each read.
constexpr std::int64_t first_piece = 100;
constexpr std::int64_t largest_piece_of_all = 1000;
constexpr std::int64_t largest_piece_of_index = 4000;

/// An index that is not in the order of ids is sorted in each read. With more jobs in it than this,
/// that takes longer than to look at the jobs themselves, of which then so many are the filter's.
constexpr std::int64_t most_sorted = 50'000;

constexpr std::chrono::milliseconds search_time{60};

} // namespace

struct JobSource {
  /// A query that gives ids, to which a condition on `id` can be added with AND.
  struct Branch {
    std::string query;
    std::string id = "id";
    bool in_order = false; ///< of the ids, without sorting
  };
  std::vector<Branch> branches; ///< no job is in two of them
  std::vector<Value> bound;     ///< the ?1, ?2, … of all
  JobFilter rest;               ///< what is left to be looked at
  std::int64_t jobs = 0;        ///< in it; each branch is counted up to most_sorted + 1

  /// The ids behind a place, sorted, at most so many; both are bound behind `bound`.
  std::string ids(bool older) const {
    const std::string behind = (older ? " < ?" : " > ?") + std::to_string(bound.size() + 1);
    const std::string order = std::string(" ORDER BY 1 ") + (older ? "DESC" : "ASC") + " LIMIT ?" +
                              std::to_string(bound.size() + 2);
    std::string all;
    for (const Branch& branch : branches) {
      all += all.empty() ? "SELECT id FROM (" : " UNION ALL SELECT id FROM (";
      all.append(branch.query).append(" AND ").append(branch.id).append(behind);
      all.append(order).append(")");
    }
    return all + order;
  }
};

namespace {

/// A job that is started, or whose start is not confirmed. The condition is that of the index.
JobSource::Branch started_jobs() {
  return {"SELECT id FROM jobs INDEXED BY jobs_open WHERE (state = 'submitting' OR state = "
          "'running' OR state = 'unconfirmed')"};
}

JobSource::Branch queued_jobs() {
  return {"SELECT job_id AS id FROM queue WHERE 1", "job_id", true};
}

JobSource of_state(const JobFilter& filter) {
  JobSource source;
  source.rest = filter;
  if (filter.state != "queued")
    source.branches.push_back(started_jobs());
  if (filter.state == "queued" || filter.state == "open")
    source.branches.push_back(queued_jobs());
  if (source.branches.size() == 2 || filter.state == "queued")
    source.rest.state.clear();
  return source;
}

/// Jobs that have ended, but not well: all of them have a cause.
JobSource of_end(const JobFilter& filter) {
  JobSource source;
  source.rest = filter;
  // Each word once, then the jobs that have it: the index begins with the cause.
  std::string query =
      "WITH RECURSIVE words(cause) AS (SELECT min(cause) FROM jobs INDEXED BY jobs_cause WHERE "
      "cause IS NOT NULL UNION ALL SELECT (SELECT min(cause) FROM jobs INDEXED BY jobs_cause "
      "WHERE cause > words.cause) FROM words WHERE words.cause IS NOT NULL) SELECT jobs.id FROM "
      "words CROSS JOIN jobs INDEXED BY jobs_cause ON jobs.cause = words.cause WHERE 1";
  const auto narrow = [&](const char* column, const Value& value) {
    source.bound.push_back(value);
    query += std::string(" AND jobs.") + column + " ?" + std::to_string(source.bound.size());
  };
  if (!filter.cause.empty()) {
    query = "SELECT id FROM jobs INDEXED BY jobs_cause WHERE cause IS NOT NULL";
    narrow("cause =", filter.cause);
    source.rest.cause.clear();
  }
  if (!filter.state.empty() && filter.state != "open") {
    narrow("state =", filter.state);
    source.rest.state.clear();
  }
  if (filter.batch) {
    narrow("batch_id =", *filter.batch);
    source.rest.batch.reset();
  }
  if (!filter.ended_since.empty()) {
    narrow("finished_at >=", filter.ended_since);
    source.rest.ended_since.clear();
  }
  source.branches.push_back({query, "jobs.id"});
  return source;
}

std::vector<JobSource> sources_of(const JobFilter& filter) {
  std::vector<JobSource> all;
  if (filter.batch) {
    JobSource source{
        .branches = {{"SELECT id FROM jobs INDEXED BY jobs_in_batch WHERE batch_id = ?1", "id",
                      true}},
        .bound = {*filter.batch},
        .rest = filter};
    source.rest.batch.reset();
    all.push_back(std::move(source));
  }
  if (!filter.schedule.empty()) {
    JobSource source{
        .branches = {{"SELECT id FROM jobs INDEXED BY jobs_scheduled WHERE schedule = ?1"}},
        .bound = {filter.schedule},
        .rest = filter};
    source.rest.schedule.clear();
    all.push_back(std::move(source));
  }
  const bool has_ended = filter.state == "succeeded" || filter.state == "failed" ||
                         filter.state == "timed_out" || filter.state == "cancelled";
  if (!filter.state.empty() && !has_ended)
    all.push_back(of_state(filter));
  if (!filter.cause.empty() || (has_ended && filter.state != "succeeded"))
    all.push_back(of_end(filter));
  return all;
}

/// Nothing: it has too many jobs that would have to be sorted.
std::optional<std::int64_t> jobs_of(const JobSource& source, Reader::Snapshot& snapshot) {
  std::int64_t all = 0;
  for (const JobSource::Branch& branch : source.branches) {
    std::vector<Value> bound = source.bound;
    bound.emplace_back(most_sorted + 1);
    const std::int64_t jobs = snapshot
                                  .row("SELECT count(*) AS jobs FROM (" + branch.query +
                                           " LIMIT ?" + std::to_string(bound.size()) + ")",
                                       bound)
                                  ->integer("jobs");
    if (!branch.in_order && jobs > most_sorted)
      return std::nullopt;
    all += jobs;
  }
  return all;
}

} // namespace

JobSearch::JobSearch(JobFilter filter, Direction direction, std::optional<std::int64_t> beyond)
    : filter_(std::move(filter)), older_(direction == Direction::older),
      place_(beyond.value_or(older_ ? std::numeric_limits<std::int64_t>::max() : 0)),
      piece_(first_piece) {}
JobSearch::~JobSearch() = default;
JobSearch::JobSearch(JobSearch&&) noexcept = default;
JobSearch& JobSearch::operator=(JobSearch&&) noexcept = default;

void JobSearch::choose_source(Reader::Snapshot& snapshot) {
  begun_ = true;
  for (JobSource& source : sources_of(filter_)) {
    const auto jobs = jobs_of(source, snapshot);
    if (!jobs || (source_ && *jobs >= source_->jobs))
      continue;
    source.jobs = *jobs;
    source_ = std::make_unique<JobSource>(std::move(source));
  }
  if (source_ && source_->rest.is_empty())
    count_ = source_->jobs;
  else if (filter_.is_empty())
    count_ = snapshot
                 .row("SELECT count(*) AS jobs FROM (SELECT 1 FROM jobs NOT INDEXED LIMIT ?1)",
                      {most_counted + 1})
                 ->integer("jobs");
}

void JobSearch::go_to(std::int64_t id, bool end) {
  place_ = id;
  at_end_ = end;
  piece_ = std::min(piece_ * 2, source_ ? largest_piece_of_index : largest_piece_of_all);
}

std::vector<Row> JobSearch::of_source(Reader::Snapshot& snapshot, const std::string& columns,
                                      std::int64_t most) {
  std::vector<Value> bound = source_->bound;
  bound.insert(bound.end(), {place_, piece_});
  const std::vector<Row> ids = snapshot.rows(source_->ids(older_), bound);
  const bool end = static_cast<std::int64_t>(ids.size()) < piece_;
  if (ids.empty()) {
    go_to(place_, end);
    return {};
  }
  std::string list = "[";
  for (const Row& row : ids)
    list += (list.size() > 1 ? "," : "") + row.text("id");
  bound.clear();
  const std::string condition = source_->rest.condition(bound);
  bound.insert(bound.end(), {list + "]", most});
  std::vector<Row> found = snapshot.rows(
      "SELECT " + columns + " FROM jobs NOT INDEXED WHERE id IN (SELECT value FROM json_each(?" +
          std::to_string(bound.size() - 1) + ")) AND " + condition + " ORDER BY id " +
          (older_ ? "DESC" : "ASC") + " LIMIT ?" + std::to_string(bound.size()),
      bound);
  if (static_cast<std::int64_t>(found.size()) == most)
    go_to(found.back().integer("id"),
          end && found.back().integer("id") == ids.back().integer("id"));
  else
    go_to(ids.back().integer("id"), end);
  return found;
}

std::vector<Row> JobSearch::of_all(Reader::Snapshot& snapshot, const std::string& columns,
                                   std::int64_t most) {
  const std::string behind = older_ ? "id < ?" : "id > ?";
  const std::string up_to = older_ ? "id >= ?" : "id <= ?";
  const std::string order = older_ ? " ORDER BY id DESC LIMIT ?" : " ORDER BY id ASC LIMIT ?";
  // The last id first: SQLite goes over ids faster than over jobs, and a gap among them costs
  // nothing.
  const Row last = *snapshot.row(
      std::string("SELECT count(*) AS jobs, ") + (older_ ? "min" : "max") +
          "(id) AS id FROM (SELECT id FROM jobs NOT INDEXED WHERE " + behind + "1" + order + "2)",
      {place_, piece_});
  const bool end = last.integer("jobs") < piece_;
  if (last.integer("jobs") == 0) {
    go_to(place_, end);
    return {};
  }
  const std::int64_t last_id = last.integer("id");
  std::vector<Value> bound;
  const std::string condition = filter_.condition(bound);
  bound.insert(bound.end(), {place_, last_id, most});
  const auto place = [&](std::size_t from_end) { return std::to_string(bound.size() - from_end); };
  std::vector<Row> found =
      snapshot.rows("SELECT " + columns + " FROM jobs NOT INDEXED WHERE " + behind + place(2) +
                        " AND " + up_to + place(1) + " AND " + condition + order + place(0),
                    bound);
  if (static_cast<std::int64_t>(found.size()) == most)
    go_to(found.back().integer("id"), end && found.back().integer("id") == last_id);
  else
    go_to(last_id, end);
  return found;
}

std::vector<Row> JobSearch::next(Reader& reader, const std::string& columns, std::int64_t most) {
  std::vector<Row> found;
  reader.read([&](Reader::Snapshot& snapshot) {
    if (!begun_)
      choose_source(snapshot);
    found = source_ ? of_source(snapshot, columns, most) : of_all(snapshot, columns, most);
  });
  return found;
}

std::vector<Row> search(JobSearch& jobs, Reader& reader, const std::string& columns,
                        std::size_t most, const Clock& clock) {
  const SteadyTime until = clock.steady() + search_time;
  std::vector<Row> found;
  do {
    std::vector<Row> more =
        jobs.next(reader, columns, static_cast<std::int64_t>(most - found.size()));
    std::move(more.begin(), more.end(), std::back_inserter(found));
  } while (found.size() < most && !jobs.is_at_end() && clock.steady() < until);
  return found;
}

} // namespace kdq::web
