// How many polls the open tasks and the tasks to come will need, if a poll has a given price.
#pragma once

#include "poller/schedule/age_cells.h"
#include "poller/schedule/recent_submissions.h"
#include "poller/schedule/script_book.h"

#include <cstddef>
#include <vector>

namespace kdq {

/// As of its making, which walks the open tasks' scripts once. A question makes plans for at most
/// some hundred scripts: of more open ones a part stands for all. Lives shortly: the book must
/// outlive it, and no script may be released meanwhile.
class PollDemand {
public:
  PollDemand(ScriptBook& book, const RecentSubmissions& recent);

  std::size_t open_tasks() const { return open_tasks_; }
  double of_open(int rung);
  /// As long as they run, on the average of the next seconds.
  double per_second_of_open(int rung);
  /// The mean of one task to come.
  double of_arrival(int rung);

private:
  template <class OfCell>
  double sum_of_open(int rung, OfCell of_cell);

  ScriptBook& book_;
  age_cells::Counts open_unknown_;        ///< tasks of scripts that have not run yet
  std::vector<ScriptRecord*> open_known_; ///< the others' scripts, or a part of them
  double open_factor_ = 1;                ///< tasks of all of these per task of that part
  std::size_t open_tasks_ = 0;
  double recent_unknown_;
  std::vector<RecentSubmissions::Share> recent_known_;
  double recent_total_;
};

} // namespace kdq
