#include "tests/bench/polling/report.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ostream>

namespace kdq::bench {

namespace {

/// The trace whose quota is plentiful tests something else and is left out of the means.
bool counts_in_mean(const Measured& measured) {
  return !measured.trace.name.starts_with("W01");
}

template <typename Value>
std::optional<double> geometric_mean(const std::vector<Measured>& all, Value value) {
  double logs = 0;
  double count = 0;
  for (const Measured& measured : all)
    if (counts_in_mean(measured))
      if (const std::optional<double> one = value(measured); one && *one > 0) {
        logs += std::log(*one);
        count += 1;
      }
  if (count == 0)
    return std::nullopt;
  return std::exp(logs / count);
}

std::optional<double> mean_ratio(const std::vector<Measured>& all, std::size_t day) {
  return geometric_mean(all, [day](const Measured& one) { return one.ratio(one.price(), day); });
}

double warm_wait(const Result& result) {
  return result.day[1].mean_wait_seconds;
}

double times_price(const Measured& measured, const Run& run) {
  return warm_wait(run.result) / warm_wait(measured.price());
}

std::string text(double value) {
  char buffer[32];
  const int digits = value < 100 ? 2 : 0;
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

std::string text(std::optional<double> value) {
  return value ? text(*value) : "-";
}

std::string percent(double share) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.1f", 100 * share);
  return buffer;
}

std::optional<double> optimum(const Measured& one) {
  return one.trace.optimum[1] > 0 ? std::optional(one.trace.optimum[1]) : std::nullopt;
}

std::string wait_of(const Measured& one, const std::string& name) {
  const Run* run = one.find(name);
  return run == nullptr ? "-" : text(warm_wait(run->result));
}

using Row = std::vector<std::string>;

/// A Markdown table whose columns are aligned in plain text as well; numbers stand to the right.
void print_rows(std::ostream& out, const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  for (std::size_t line = 0; line < rows.size(); ++line) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string& cell = rows[line][i];
      const std::string space(widths[i] - cell.size(), ' ');
      out << "| " << (i == 0 ? cell + space : space + cell) << ' ';
    }
    out << "|\n";
    if (line > 0)
      continue;
    for (std::size_t i = 0; i < widths.size(); ++i)
      out << '|' << std::string(widths[i] + 1, '-') << (i == 0 ? '-' : ':');
    out << "|\n";
  }
}

nlohmann::json to_json(const DayResult& day) {
  return {{"tasks", day.tasks},
          {"mean_wait_s", day.mean_wait_seconds},
          {"p95_wait_s", day.p95_wait_seconds},
          {"polls_per_task", day.polls_per_task},
          {"requests", day.requests},
          {"quota_use", day.quota_use},
          {"stranded", day.stranded},
          {"held_back", day.held_back}};
}

nlohmann::json to_json(const Measured& trace, const Run& run) {
  nlohmann::json json = {{"policy", run.name},
                         {"cold_day", to_json(run.result.day[0])},
                         {"warm_day", to_json(run.result.day[1])},
                         {"refused", run.result.refused},
                         {"times_price", times_price(trace, run)}};
  if (const auto ratio = trace.ratio(run.result, 1))
    json.update({{"ratio_warm", *ratio}, {"ratio_cold", trace.ratio(run.result, 0).value_or(0)}});
  if (run.blind)
    json["blind"] = {{"first_s", run.blind->first_seconds},
                     {"factor", run.blind->factor},
                     {"longest_s", run.blind->longest_seconds}};
  return json;
}

} // namespace

const Run* Measured::find(const std::string& name) const {
  const auto found =
      std::find_if(runs.begin(), runs.end(), [&](const Run& run) { return run.name == name; });
  return found == runs.end() ? nullptr : &*found;
}

std::optional<double> Measured::ratio(const Result& result, std::size_t day) const {
  if (trace.optimum[day] <= 0)
    return std::nullopt;
  return result.day[day].mean_wait_seconds / trace.optimum[day];
}

void print_details(std::ostream& out, const std::vector<Measured>& all) {
  std::vector<Row> rows{{"trace", "policy", "polls/job", "mean s", "p95 s", "ratio", "cold ratio",
                         "quota use %", "refused", "stranded", "started later"}};
  for (const Measured& one : all)
    for (const Run& run : one.runs) {
      const auto& [cold, warm] = run.result.day;
      rows.push_back({one.trace.name, run.name, text(warm.polls_per_task),
                      text(warm.mean_wait_seconds), text(warm.p95_wait_seconds),
                      text(one.ratio(run.result, 1)), text(one.ratio(run.result, 0)),
                      percent(warm.quota_use), std::to_string(run.result.refused),
                      std::to_string(cold.stranded + warm.stranded),
                      std::to_string(cold.held_back + warm.held_back)});
    }
  out << "Warm day; refused, stranded and started later: both days.\n";
  print_rows(out, rows);
}

void print_summary(std::ostream& out, const std::vector<Measured>& all) {
  std::vector<Row> rows{{"trace", "quota", "jobs/day", "optimum", "PRICE", "ratio", "best backoff",
                         "best fixed", "backoff 1 s x2", "quota use %"}};
  for (const Measured& one : all)
    rows.push_back({one.trace.name, std::to_string(one.trace.status_quota),
                    std::to_string(one.price().day[1].tasks), text(optimum(one)),
                    text(warm_wait(one.price())), text(one.ratio(one.price(), 1)),
                    wait_of(one, "best backoff"), wait_of(one, "best fixed"),
                    wait_of(one, "backoff 1 s x2"), percent(one.price().day[1].quota_use)});
  out << "Mean seconds from a script's end to the poll that sees it, warm day.\n";
  print_rows(out, rows);
  char line[96];
  std::snprintf(line, sizeof line, "geometric means without W01: ratio %.3f, on the cold day %.3f",
                mean_ratio(all, 1).value_or(0), mean_ratio(all, 0).value_or(0));
  out << line;
  for (const char* name : {"best backoff", "best fixed", "backoff 1 s x2"})
    if (const auto times = geometric_mean(all, [name](const Measured& one) {
          const Run* run = one.find(name);
          return run == nullptr ? std::nullopt : std::optional(times_price(one, *run));
        }))
      out << "; " << name << " / PRICE " << text(*times);
  out << '\n';
}

void print_json(std::ostream& out, const std::vector<Measured>& all) {
  nlohmann::json traces = nlohmann::json::array();
  for (const Measured& one : all) {
    nlohmann::json runs = nlohmann::json::array();
    for (const Run& run : one.runs)
      runs.push_back(to_json(one, run));
    nlohmann::json trace = {
        {"trace", one.trace.name}, {"quota", one.trace.status_quota}, {"runs", runs}};
    if (const auto best = optimum(one))
      trace.update({{"optimum_warm_s", *best}, {"optimum_cold_s", one.trace.optimum[0]}});
    traces.push_back(trace);
  }
  const nlohmann::json report = {{"traces", traces},
                                 {"geometric_mean_warm", mean_ratio(all, 1).value_or(0)},
                                 {"geometric_mean_cold", mean_ratio(all, 0).value_or(0)}};
  out << report.dump(2) << '\n';
}

} // namespace kdq::bench
