// Finds the jobs of a filter by short reads, however many jobs there are.
#pragma once

#include "daemon/web/job_filter.h"
#include "poller/clock.h"

namespace kdq::web {

/// What an index narrows the search to.
struct JobSource;

/// Goes through the jobs by their ids, in one direction. For one thread at a time.
class JobSearch {
public:
  enum class Direction { older, newer };

  /// Of the jobs with smaller (or greater) ids than `beyond`; nothing: from the newest (or the
  /// oldest) on.
  JobSearch(JobFilter filter, Direction direction, std::optional<std::int64_t> beyond = {});
  ~JobSearch();
  JobSearch(JobSearch&&) noexcept;
  JobSearch& operator=(JobSearch&&) noexcept;

  /// One read of some milliseconds: `columns`, an `id` among them, of the next jobs of the filter,
  /// at most so many. There may be none although it is not at the end. Throws as Reader::read().
  std::vector<Row> next(Reader& reader, const std::string& columns, std::int64_t most);
  /// There are no more.
  bool is_at_end() const { return at_end_; }
  /// All jobs up to this id (inclusive) were looked at.
  std::int64_t place() const { return place_; }

  /// How many jobs the filter selects in all, where an index tells; above most_counted: more than
  /// that. Known after a read.
  std::optional<std::int64_t> count() const { return count_; }
  static constexpr std::int64_t most_counted = 10'000;

private:
  void choose_source(Reader::Snapshot& snapshot);
  std::vector<Row> of_source(Reader::Snapshot& snapshot, const std::string& columns,
                             std::int64_t most);
  std::vector<Row> of_all(Reader::Snapshot& snapshot, const std::string& columns,
                          std::int64_t most);
  void go_to(std::int64_t id, bool end);

  JobFilter filter_;
  bool older_;
  std::int64_t place_;
  bool begun_ = false;
  bool at_end_ = false;
  std::unique_ptr<JobSource> source_; ///< null: all jobs are looked at
  std::int64_t piece_;                ///< so many jobs are looked at in the next read
  std::optional<std::int64_t> count_;
};

/// Reads on until `most` jobs are found, the search is at its end, or the time that a page may take
/// for it is used up.
std::vector<Row> search(JobSearch& jobs, Reader& reader, const std::string& columns,
                        std::size_t most, const Clock& clock);

} // namespace kdq::web
