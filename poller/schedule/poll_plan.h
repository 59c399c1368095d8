// When to ask a task of a given script next, if a question costs a given wait.
#pragma once

#include "poller/schedule/run_time_grid.h"

#include <array>
#include <memory>

namespace kdq {

/// A run-time distribution prepared for planning: survival at each bucket's edge, and its integral
/// from there to the end. Inside a bucket the end is equally likely everywhere. Kept as floats, as
/// plans are: there may be thousands of both.
class RunTimeCurve {
public:
  explicit RunTimeCurve(const RunTimeShares& shares);

  /// The share that runs longer than `age`, which is in `bucket`, and its integral from there on.
  double survival(double age, std::size_t bucket) const;
  double remaining(double age, std::size_t bucket) const;
  struct Edge {
    float survival = 0;
    float remaining = 0;
  };
  /// At the beginning of a bucket, or at the end of the last.
  const Edge& at(std::size_t edge) const { return edges_[edge]; }

private:
  std::array<Edge, run_time_grid::buckets + 1> edges_{};
};

/// The schedule of optimum inspection (Barlow, Hunter, Proschan 1963) on the grid, by dynamic
/// programming from the end: it minimises price · E[polls] + E[wait for detection]. To make one
/// takes time in proportion to the grid.
class PollPlan {
public:
  static constexpr Seconds shortest_gap{0.05};
  static constexpr Seconds longest_gap{3600};

  /// `price`: the seconds of waiting that one poll is worth; above zero.
  PollPlan(std::shared_ptr<const RunTimeCurve> curve, Seconds price);

  /// How long after a poll that found the task running at `age` the next one is to be sent;
  /// within [shortest_gap, longest_gap].
  Seconds gap(Seconds age) const;

  /// The expected number of polls still to come for a task that was found running at `age`; zero:
  /// a task that was not asked yet.
  double expected_polls(Seconds age) const;

  /// For how long such a task is expected to run on.
  Seconds expected_rest(Seconds age) const;

private:
  /// From an edge of the grid on; not normalised by the share that still runs there.
  struct Step {
    float cost = 0; ///< price · polls + wait
    float polls = 0;
  };
  struct Split;
  class Later;
  static Split split(double ends, double width, double alive, double price);
  static Step step(double cost, double polls) {
    return {static_cast<float>(cost), static_cast<float>(polls)};
  }

  std::shared_ptr<const RunTimeCurve> curve_;
  double price_;
  std::array<Step, run_time_grid::buckets + 1> steps_{};
};

} // namespace kdq
