#include "tests/bench/polling/report.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <iomanip>
#include <ostream>

namespace kdq::bench {

namespace {

/// The trace whose quota is plentiful tests something else and is left out of the means.
bool counts_in_mean(const Measured& measured) {
  return !measured.trace.name.starts_with("W01");
}

template <typename Value>
double geometric_mean(const std::vector<Measured>& all, Value value) {
  double logs = 0;
  double count = 0;
  for (const Measured& measured : all)
    if (counts_in_mean(measured))
      if (const std::optional<double> one = value(measured); one && *one > 0) {
        logs += std::log(*one);
        count += 1;
      }
  return count > 0 ? std::exp(logs / count) : 0;
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

nlohmann::json to_json(const Result& result) {
  return {{"cold_day", to_json(result.day[0])},
          {"warm_day", to_json(result.day[1])},
          {"refused", result.refused}};
}

double times_better(const Measured& measured, const Rival& rival) {
  return rival.result.day[1].mean_wait_seconds / measured.price.day[1].mean_wait_seconds;
}

} // namespace

std::optional<double> Measured::ratio(std::size_t day) const {
  if (trace.optimum[day] <= 0)
    return std::nullopt;
  return price.day[day].mean_wait_seconds / trace.optimum[day];
}

void print_table(std::ostream& out, const std::vector<Measured>& all) {
  const auto cell = [&](double value, int width, int digits) {
    out << std::setw(width) << std::fixed << std::setprecision(digits) << value;
  };
  out << "Warm day, waits in seconds. ratio: mean / known-distribution optimum. "
         "adm: with admission.\n"
      << std::left << std::setw(20) << "trace" << std::right << std::setw(9) << "optimum"
      << std::setw(9) << "mean" << std::setw(9) << "p95" << std::setw(7) << "ratio" << std::setw(7)
      << "cold" << std::setw(7) << "polls" << std::setw(7) << "use %" << std::setw(8) << "refused"
      << std::setw(9) << "stranded" << std::setw(10) << "adm mean" << std::setw(9) << "adm str"
      << std::setw(9) << "adm held";
  if (!all.empty())
    for (const Rival& rival : all.front().rivals)
      out << std::setw(15) << rival.name;
  out << '\n';
  for (const Measured& one : all) {
    const DayResult& day = one.price.day[1];
    out << std::left << std::setw(20) << one.trace.name << std::right;
    cell(one.trace.optimum[1], 9, 2);
    cell(day.mean_wait_seconds, 9, 2);
    cell(day.p95_wait_seconds, 9, 2);
    cell(one.ratio(1).value_or(0), 7, 3);
    cell(one.ratio(0).value_or(0), 7, 2);
    cell(day.polls_per_task, 7, 2);
    cell(100 * day.quota_use, 7, 1);
    out << std::setw(8) << one.price.refused << std::setw(9)
        << one.price.day[0].stranded + day.stranded;
    cell(one.admitted.day[1].mean_wait_seconds, 10, 2);
    out << std::setw(9) << one.admitted.day[0].stranded + one.admitted.day[1].stranded
        << std::setw(9) << one.admitted.day[1].held_back;
    for (const Rival& rival : one.rivals)
      cell(rival.result.day[1].mean_wait_seconds, 15, 2);
    out << '\n';
  }
  out << "geometric means without W01: warm ";
  cell(geometric_mean(all, [](const Measured& one) { return one.ratio(1); }), 0, 3);
  out << ", cold ";
  cell(geometric_mean(all, [](const Measured& one) { return one.ratio(0); }), 0, 3);
  if (!all.empty())
    for (std::size_t i = 0; i < all.front().rivals.size(); ++i) {
      out << "; " << all.front().rivals[i].name << " / price ";
      cell(geometric_mean(all,
                          [i](const Measured& one) -> std::optional<double> {
                            return times_better(one, one.rivals[i]);
                          }),
           0, 2);
    }
  out << '\n';
}

void print_json(std::ostream& out, const std::vector<Measured>& all) {
  nlohmann::json traces = nlohmann::json::array();
  for (const Measured& one : all) {
    nlohmann::json rivals = nlohmann::json::array();
    for (const Rival& rival : one.rivals)
      rivals.push_back({{"name", rival.name},
                        {"first_s", rival.policy.first_seconds},
                        {"factor", rival.policy.factor},
                        {"longest_s", rival.policy.longest_seconds},
                        {"times_price", times_better(one, rival)},
                        {"result", to_json(rival.result)}});
    nlohmann::json trace = {{"trace", one.trace.name},
                            {"quota", one.trace.status_quota},
                            {"price", to_json(one.price)},
                            {"price_with_admission", to_json(one.admitted)},
                            {"rivals", rivals}};
    if (const auto ratio = one.ratio(1))
      trace.update({{"optimum_warm_s", one.trace.optimum[1]},
                    {"ratio_warm", *ratio},
                    {"ratio_cold", one.ratio(0).value_or(0)}});
    traces.push_back(trace);
  }
  const nlohmann::json report = {
      {"traces", traces},
      {"geometric_mean_warm",
       geometric_mean(all, [](const Measured& one) { return one.ratio(1); })},
      {"geometric_mean_cold",
       geometric_mean(all, [](const Measured& one) { return one.ratio(0); })}};
  out << report.dump(2) << '\n';
}

} // namespace kdq::bench
