#include "poller/schedule/poll_demand.h"

#include <algorithm>

namespace kdq {

namespace {

/// Of more scripts with open tasks than this a part is looked at.
constexpr std::size_t most_open_scripts = 512;
/// The mix of coming scripts: the last submissions and some more that are unknown.
constexpr double unknown_submissions = 5;

/// Polls that come faster than this are a burst, which the rate limit allows.
constexpr Seconds next_seconds{4};

std::size_t tasks_of(const ScriptRecord& script) {
  std::size_t tasks = 0;
  for (const auto& cell : script.waiting.cells())
    tasks += cell.tasks;
  return tasks;
}

} // namespace

PollDemand::PollDemand(ScriptBook& book, const RecentSubmissions& recent)
    : book_(book), recent_unknown_(unknown_submissions + static_cast<double>(recent.unknown())),
      recent_known_(recent.known()),
      recent_total_(unknown_submissions + static_cast<double>(recent.size())) {
  for (ScriptRecord& script : book.in_use()) {
    if (script.waiting.cells().empty())
      continue;
    if (book.known(script))
      open_known_.push_back(&script);
    else
      for (const auto& cell : script.waiting.cells()) {
        open_unknown_.add(cell.cell, cell.tasks);
        open_tasks_ += cell.tasks;
      }
  }
  std::size_t known_tasks = 0;
  for (const ScriptRecord* script : open_known_)
    known_tasks += tasks_of(*script);
  open_tasks_ += known_tasks;
  const std::size_t every = (open_known_.size() + most_open_scripts - 1) / most_open_scripts;
  if (every > 1) {
    std::size_t kept = 0;
    std::size_t kept_tasks = 0;
    for (std::size_t i = 0; i < open_known_.size(); i += every) {
      open_known_[kept++] = open_known_[i];
      kept_tasks += tasks_of(*open_known_[i]);
    }
    open_known_.resize(kept);
    open_factor_ = static_cast<double>(known_tasks) / static_cast<double>(kept_tasks);
  }
}

/// `of_cell` tells what one task of an age adds.
template <class OfCell>
double PollDemand::sum_of_open(int rung, OfCell of_cell) {
  const auto sum = [&](const PollPlan& plan, const age_cells::Counts& counts) {
    double all = 0;
    for (const auto& [cell, tasks] : counts.cells())
      all += static_cast<double>(tasks) * of_cell(plan, age_cells::age_of(cell));
    return all;
  };
  const double unknown =
      open_unknown_.cells().empty() ? 0 : sum(book_.plan_of_unknown(rung), open_unknown_);
  double known = 0;
  for (ScriptRecord* script : open_known_)
    known += sum(book_.plan(*script, rung), script->waiting);
  return unknown + open_factor_ * known;
}

double PollDemand::of_open(int rung) {
  return sum_of_open(rung,
                     [](const PollPlan& plan, Seconds age) { return plan.expected_polls(age); });
}

double PollDemand::per_second_of_open(int rung) {
  return sum_of_open(rung, [](const PollPlan& plan, Seconds age) {
    return plan.expected_polls(age) / std::max(plan.expected_rest(age), next_seconds).count();
  });
}

double PollDemand::of_arrival(int rung) {
  double known = 0;
  for (const auto& [script, submissions] : recent_known_)
    known +=
        static_cast<double>(submissions) * book_.plan(*script, rung).expected_polls(Seconds(0));
  return (recent_unknown_ * book_.plan_of_unknown(rung).expected_polls(Seconds(0)) + known) /
         recent_total_;
}

} // namespace kdq
