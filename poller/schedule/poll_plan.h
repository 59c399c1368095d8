// When to ask a task of a given script next, if a question costs a given wait.
#pragma once

#include "poller/schedule/run_time_grid.h"

#include <array>
#include <memory>

namespace kdq {

/// A run-time distribution prepared for planning: survival at each bucket's edge, and its integral
/// from there to the end. Inside a bucket the end is equally likely everywhere.
class RunTimeCurve {
public:
  explicit RunTimeCurve(const RunTimeShares& shares);

private:
  friend class PollPlan;
  static constexpr std::size_t edge_count = run_time_grid::buckets + 1;
  double survival(double age, std::size_t bucket) const;
  double remaining(double age, std::size_t bucket) const;

  std::array<double, edge_count> survival_{};
  std::array<double, edge_count> remaining_{};
};

/// The schedule of optimum inspection (Barlow, Hunter, Proschan 1963) on the grid, by dynamic
/// programming from the end: it minimises price · E[polls] + E[wait for detection].
class PollPlan {
public:
  static constexpr Seconds shortest_gap{0.5};
  static constexpr Seconds longest_gap{3600};

  /// `price`: the seconds of waiting that one poll is worth; above zero.
  PollPlan(std::shared_ptr<const RunTimeCurve> curve, Seconds price);

  /// How long after a poll that found the task running at `age` the next one is to be sent;
  /// within [shortest_gap, longest_gap].
  Seconds gap(Seconds age) const;

  /// The expected number of polls still to come for a task that was found running at `age`; zero:
  /// a task that was not asked yet.
  double expected_polls(Seconds age) const;

private:
  static constexpr std::size_t edge_count = run_time_grid::buckets + 1;
  void plan_from(std::size_t edge);

  std::shared_ptr<const RunTimeCurve> curve_;
  double price_;
  std::array<double, edge_count> cost_{};  // price · polls + wait from here on, unnormalised
  std::array<double, edge_count> polls_{}; // polls from here on, unnormalised
};

} // namespace kdq
