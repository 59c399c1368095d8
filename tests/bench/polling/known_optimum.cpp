#include "tests/bench/polling/known_optimum.h"

#include "tests/bench/polling/run_time_law.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace kdq::bench {

namespace {

/// Four times finer than the product's grid, so that the optimum is not flattered by coarseness.
std::vector<double> make_grid() {
  std::vector<double> grid{0};
  for (double age = 0.15; age < 70'000; age *= std::exp2(1.0 / 64))
    grid.push_back(age);
  return grid;
}

const std::vector<double>& grid() {
  static const auto ages = make_grid();
  return ages;
}

/// Survival at the grid's ages and its integral from there on.
struct Curve {
  std::vector<double> survival;
  std::vector<double> remaining;

  explicit Curve(const std::function<double(double)>& cdf)
      : survival(grid().size()), remaining(grid().size()) {
    for (std::size_t i = 0; i < grid().size(); ++i)
      survival[i] = 1 - cdf(grid()[i]);
    survival.back() = 0;
    for (std::size_t i = grid().size() - 1; i-- > 0;)
      remaining[i] =
          remaining[i + 1] + (survival[i] + survival[i + 1]) / 2 * (grid()[i + 1] - grid()[i]);
  }
};

/// The ages of the polls that minimise price · polls + wait, in order.
std::vector<double> best_polls(const Curve& curve, double price) {
  const std::size_t last = grid().size() - 1;
  std::vector<double> cost(last + 1, 0);
  std::vector<std::size_t> next(last + 1, last);
  std::vector<double> equal(last + 1, 1); // polls inside the interval, if next is the neighbour
  for (std::size_t i = last; i-- > 0;) {
    const double alive = curve.survival[i];
    if (alive < 1e-12)
      continue;
    const double width = grid()[i + 1] - grid()[i];
    const double ends = alive - curve.survival[i + 1];
    equal[i] =
        std::max(1.0, std::round(std::sqrt(ends * width / (2 * price * (alive - ends / 2)))));
    double best = price * (equal[i] * alive - ends * (equal[i] - 1) / 2) +
                  ends * width / (2 * equal[i]) + cost[i + 1];
    next[i] = i + 1;
    for (std::size_t j = i + 2; j <= last; ++j) {
      const double first = price * alive + alive * (grid()[j] - grid()[i]) -
                           (curve.remaining[i] - curve.remaining[j]);
      if (first >= best)
        break;
      if (first + cost[j] < best) {
        best = first + cost[j];
        next[i] = j;
      }
    }
    cost[i] = best;
  }
  std::vector<double> polls;
  for (std::size_t i = 0; i < last; i = next[i]) {
    const double steps = next[i] == i + 1 ? equal[i] : 1;
    for (double step = 1; step <= steps; step += 1)
      polls.push_back(grid()[i] + (grid()[next[i]] - grid()[i]) * step / steps);
  }
  return polls;
}

struct Group {
  Curve curve;
  std::vector<const TraceTask*> tasks;
};

struct Outcome {
  double polls = 0;
  double wait = 0;
};

double seconds(std::chrono::milliseconds time) {
  return std::chrono::duration<double>(time).count();
}

Outcome outcome_at(const Trace& trace, const std::vector<Group>& groups, double price) {
  Outcome outcome;
  for (const Group& group : groups) {
    const auto polls = best_polls(group.curve, price);
    for (const TraceTask* task : group.tasks) {
      const double runs = seconds(task->runs);
      const auto seen = std::lower_bound(polls.begin(), polls.end(), runs);
      double wait = seen == polls.end() ? 0 : *seen - runs;
      outcome.polls += static_cast<double>(seen - polls.begin()) + 1;
      if (trace.outage) {
        const double arrives = seconds(task->arrives.time_since_epoch());
        const double found = arrives + runs + wait;
        const double begins = seconds(trace.outage->begins.time_since_epoch());
        const double ends = seconds(trace.outage->ends.time_since_epoch());
        if (found > begins && found < ends)
          wait = std::max(0.0, ends - arrives - runs);
      }
      outcome.wait += wait;
    }
  }
  return outcome;
}

/// Fewer requests than tasks: the last to end that day wait for the roll.
double wait_of_the_last(const std::vector<const TraceTask*>& tasks, std::int64_t day,
                        std::int64_t quota) {
  std::vector<WallTime> ends;
  for (const TraceTask* task : tasks)
    ends.push_back(task->arrives + task->runs);
  std::sort(ends.begin(), ends.end());
  double wait = 0;
  for (std::size_t i = static_cast<std::size_t>(quota); i < ends.size(); ++i)
    wait += std::max(0.0, seconds(day_begin(day + 1) - ends[i]));
  return wait / static_cast<double>(tasks.size());
}

std::vector<Group> groups_of(const std::vector<const TraceTask*>& tasks,
                             const std::map<std::string, RunTimeLaw>& laws,
                             const std::set<std::int64_t>& first_runs) {
  const auto mixture = [&](double age) {
    double sum = 0;
    for (const auto& [script, law] : laws)
      sum += law.cdf(age);
    return sum / static_cast<double>(laws.size());
  };
  std::map<std::pair<std::string, bool>, Group> groups;
  for (const TraceTask* task : tasks) {
    const bool first = first_runs.contains(task->id);
    const RunTimeLaw& law = laws.at(task->script);
    const bool changed = seconds(task->arrives.time_since_epoch()) >= law.changes_at_seconds;
    const std::pair key{first ? std::string() : task->script, !first && changed};
    auto group = groups.find(key);
    if (group == groups.end()) {
      const double factor = changed ? law.factor : 1;
      Curve curve =
          first ? Curve(mixture) : Curve([&](double age) { return law.cdf(age / factor); });
      group = groups.emplace(key, Group{std::move(curve), {}}).first;
    }
    group->second.tasks.push_back(task);
  }
  std::vector<Group> list;
  for (auto& [key, group] : groups)
    list.push_back(std::move(group));
  return list;
}

} // namespace

std::array<double, 2> known_optimum(const Trace& trace, const std::filesystem::path& directory) {
  const auto laws = read_laws(directory / (trace.name + ".scripts.csv"));
  std::set<std::int64_t> first_runs;
  std::set<std::string> seen;
  std::array<std::vector<const TraceTask*>, 2> days;
  for (const TraceTask& task : trace.tasks) {
    if (seen.insert(task.script).second)
      first_runs.insert(task.id);
    if (const auto day = static_cast<std::size_t>(day_of(task.arrives)); day < days.size())
      days[day].push_back(&task);
  }
  std::array<double, 2> optimum{};
  for (std::size_t day = 0; day < days.size(); ++day) {
    if (days[day].size() >= static_cast<std::size_t>(trace.status_quota)) {
      optimum[day] =
          wait_of_the_last(days[day], static_cast<std::int64_t>(day), trace.status_quota);
      continue;
    }
    const auto groups = groups_of(days[day], laws, first_runs);
    double low = std::log(1e-7);
    double high = std::log(1e5);
    for (int step = 0; step < 22; ++step) {
      const double middle = (low + high) / 2;
      const Outcome outcome = outcome_at(trace, groups, std::exp(middle));
      (outcome.polls > static_cast<double>(trace.status_quota) ? low : high) = middle;
    }
    optimum[day] =
        outcome_at(trace, groups, std::exp(high)).wait / static_cast<double>(days[day].size());
  }
  return optimum;
}

} // namespace kdq::bench
