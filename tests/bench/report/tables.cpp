#include "tests/bench/report/tables.h"

#include "tests/bench/common/statistics.h"

#include <algorithm>
#include <cstdio>

namespace kdq::bench {

namespace {

using Rows = std::vector<std::vector<std::string>>;

/// Such as "different texts, one file": the mixture of a line that has one.
std::string mixture_of(const nlohmann::json& line) {
  const std::string texts = line.at("texts");
  const std::string files = line.at("files");
  return (texts == "same" ? "one text, " : "different texts, ") +
         (files == "one" ? std::string("one file") : std::string("many files"));
}

std::string thousands(const nlohmann::json& number) {
  return std::to_string(number.get<std::int64_t>() / 1000);
}

/// What tells two measurements of one program apart: its arguments, as the line repeats them.
std::string name_of(const nlohmann::json& line) {
  std::string name = line.at("bench");
  if (line.contains("case"))
    name += " " + line.at("case").get<std::string>();
  if (line.contains("queued"))
    name += " " + thousands(line["queued"]) + " k" + (line.at("ended") > 0 ? " behind" : "");
  if (line.contains("texts"))
    name += ", " + mixture_of(line);
  if (line.value("script_bytes", 0) > 1024)
    name += ", " + std::to_string(line["script_bytes"].get<int>() / 1024) + " KB";
  if (line.contains("run_time_ms"))
    name += ", " + std::to_string(line["run_time_ms"].get<int>()) + " ms long";
  if (line.contains("requests_per_second"))
    name += line["requests_per_second"] > 0 ? " at a rate" : " at full speed";
  if (name == "wakeup")
    name += line.at("beside_jobs_per_s") > 0 ? " beside load" : " idle";
  if (name == "idle")
    name += line.at("running") > 0 ? " with running tasks" : " empty";
  if (name == "courtesy")
    name += " " + line.at("load").get<std::string>() +
            (line.at("timeout").get<bool>() ? " with .timeout" : "");
  if (name == "holds")
    name += " " + line.at("load").get<std::string>();
  if (name == "bursts")
    name += line.at("max_running") > line.at("tasks") ? " started" : " waiting";
  return name;
}

const Measured* find(const std::vector<Measured>& all, const std::string& name) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Measured& m) { return m.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::string text(double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits,
                value >= 1000 ? "%.0f"
                : value >= 10 ? "%.1f"
                              : "%.3f",
                value);
  return digits;
}

std::string cell(const Measured& measured, const std::string& key) {
  const auto value = measured.values.find(key);
  return value == measured.values.end() ? "" : text(value->get<double>());
}

std::string ratio(const Measured* measured, const Measured* reference, const std::string& key) {
  if (measured == nullptr || reference == nullptr || !measured->values.contains(key) ||
      reference->values.value(key, 0.0) == 0)
    return "";
  return text(measured->values.value(key, 0.0) / reference->values.value(key, 0.0));
}

std::string table(const Rows& rows) {
  std::string out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out += "|";
    for (const std::string& column : rows[i])
      out += " " + column + " |";
    out += "\n";
    if (i == 0) {
      out += "|";
      for (std::size_t k = 0; k < rows[0].size(); ++k)
        out += "---|";
      out += "\n";
    }
  }
  return out + "\n";
}

/// A row for each of these that was measured, with the values under these keys.
std::string plain_table(const std::vector<Measured>& all, const std::string& head,
                        const std::vector<std::string>& names,
                        const std::vector<std::pair<std::string, std::string>>& columns) {
  Rows rows{{head}};
  for (const auto& [key, title] : columns)
    rows[0].push_back(title);
  for (const std::string& name : names)
    if (const Measured* measured = find(all, name)) {
      rows.push_back({name});
      for (const auto& [key, title] : columns)
        rows.back().push_back(cell(*measured, key));
    }
  return rows.size() > 1 ? table(rows) : "";
}

bool starts_with(const Measured& measured, const std::string& head) {
  return measured.name.rfind(head, 0) == 0;
}

/// For each mixture the least possible program and the daemon.
std::string drain_table(const std::vector<Measured>& all) {
  Rows rows{{"drain", "jobs/s", "limit", "ratio", "CPU µs/job", "limit", "ratio", "peak memory MB",
             "limit", "disk bytes/job", "limit"}};
  for (const Measured& drain : all) {
    const std::string head = "drain, ";
    if (!starts_with(drain, head))
      continue;
    const std::string mixture = drain.name.substr(head.size());
    const Measured* limit = find(all, "limit, " + mixture);
    const auto of_limit = [&](const std::string& key) {
      return limit == nullptr ? "" : cell(*limit, key);
    };
    rows.push_back({mixture, cell(drain, "jobs_per_s"), of_limit("jobs_per_s"),
                    ratio(&drain, limit, "jobs_per_s"), cell(drain, "cpu_us_per_job"),
                    of_limit("cpu_us_per_job"), ratio(&drain, limit, "cpu_us_per_job"),
                    cell(drain, "peak_memory_mb"), of_limit("peak_memory_mb"),
                    cell(drain, "disk_bytes_per_job"), of_limit("disk_bytes_per_job")});
  }
  return rows.size() > 1 ? table(rows) : "";
}

/// Each beside the small queue of the same mixture.
std::string scale_table(const std::vector<Measured>& all) {
  Rows rows{{"scale", "CPU µs/job", "of small", "disk bytes/job", "peak memory MB", "start ms",
             "first job after ms"}};
  for (const Measured& measured : all) {
    if (!starts_with(measured, "scale ") || starts_with(measured, "scale scripts"))
      continue;
    const std::string mixture = measured.name.substr(measured.name.find(", "));
    rows.push_back({measured.name, cell(measured, "cpu_us_per_job"),
                    ratio(&measured, find(all, "scale small" + mixture), "cpu_us_per_job"),
                    cell(measured, "disk_bytes_per_job"), cell(measured, "peak_memory_mb"),
                    cell(measured, "start_ms"), cell(measured, "first_job_after_ms")});
  }
  return rows.size() > 1 ? table(rows) : "";
}

/// The names of all that were measured by this program.
std::vector<std::string> names(const std::vector<Measured>& all, const std::string& program) {
  std::vector<std::string> found;
  for (const Measured& measured : all)
    if (starts_with(measured, program))
      found.push_back(measured.name);
  return found;
}

/// Beside a whole job of the least possible program, which is a POST and a GET.
std::string poll_table(const std::vector<Measured>& all) {
  const Measured* limit = find(all, "limit, one text, many files");
  const std::string cost = "cpu_us_per_poll";
  Rows rows{{"a poll without news", "polls/s", "CPU µs/poll", "of a job of the limit",
             "bytes written/poll", "disk bytes/poll", "database grows: bytes/poll",
             "peak memory MB"}};
  for (const Measured& poll : all) {
    if (!starts_with(poll, "poll_cost"))
      continue;
    const double job_us = limit == nullptr ? 0 : limit->values.value("cpu_us_per_job", 0.0);
    rows.push_back({poll.name, cell(poll, "polls_per_s"), cell(poll, cost),
                    job_us > 0 ? text(poll.values.value(cost, 0.0) / job_us) : "",
                    cell(poll, "written_bytes_per_poll"), cell(poll, "disk_bytes_per_poll"),
                    cell(poll, "database_growth_per_poll"), cell(poll, "peak_memory_mb")});
  }
  return rows.size() > 1 ? table(rows) : "";
}

} // namespace

std::vector<Measured> medians(const std::vector<nlohmann::json>& lines) {
  std::vector<Measured> all;
  std::vector<std::vector<nlohmann::json>> runs;
  for (const nlohmann::json& line : lines) {
    const std::string name = name_of(line);
    const auto at = static_cast<std::size_t>(
        std::find_if(all.begin(), all.end(), [&](const Measured& m) { return m.name == name; }) -
        all.begin());
    if (at == all.size()) {
      all.push_back({name, 0, line});
      runs.emplace_back();
    }
    runs[at].push_back(line);
    ++all[at].runs;
  }
  for (std::size_t i = 0; i < all.size(); ++i)
    for (auto& [key, value] : all[i].values.items()) {
      if (!value.is_number())
        continue;
      std::vector<double> values;
      for (const nlohmann::json& line : runs[i])
        values.push_back(line.at(key));
      value = median(values);
    }
  return all;
}

std::string tables(const std::vector<Measured>& all) {
  return drain_table(all) +
         plain_table(all, "the database's part of a job", {"store"},
                     {{"user_us_per_job", "user µs"},
                      {"system_us_per_job", "system µs"},
                      {"disk_bytes_per_job", "disk bytes"}}) +
         poll_table(all) +
         plain_table(all, "end of a script → poll that sees it", names(all, "first_poll"),
                     {{"p50_ms", "p50 ms"},
                      {"p99_ms", "p99 ms"},
                      {"first_ms", "the first job: ms"},
                      {"polls_per_job", "polls/job"}}) +
         plain_table(all, "INSERT by another process → POST arrives",
                     {"limit_wakeup", "wakeup idle", "wakeup beside load"},
                     {{"from_before_p50_ms", "from before: p50 ms"},
                      {"from_before_p99_ms", "p99 ms"},
                      {"from_return_p50_ms", "from its return: p50 ms"},
                      {"from_return_p99_ms", "p99 ms"}}) +
         plain_table(all, "idle", {"idle empty", "idle with running tasks"},
                     {{"cpu_percent", "CPU %"},
                      {"wakeups_per_s", "wake-ups/s"},
                      {"written_bytes", "bytes written"},
                      {"peak_memory_mb", "peak memory MB"}}) +
         scale_table(all) +
         plain_table(all, "long scripts: written per byte of script", names(all, "scale scripts"),
                     {{"live_disk_per_script_byte", "INSERTed live: to disk"},
                      {"live_written_per_script_byte", "by write()"},
                      {"beforehand_disk_per_script_byte", "queued before: to disk"},
                      {"beforehand_written_per_script_byte", "by write()"}}) +
         plain_table(all, "sqlite3 without .timeout, unless it says so",
                     {"courtesy steady", "courtesy drain", "courtesy steady with .timeout",
                      "courtesy drain with .timeout"},
                     {{"inserts", "INSERTs"},
                      {"locked", "refused"},
                      {"locked_percent", "%"},
                      {"daemon_commits_per_s", "daemon's commits/s"}}) +
         plain_table(all, "the daemon's write transactions",
                     {"holds idle", "holds steady", "holds drain", "holds burst"},
                     {{"holds", "how many"},
                      {"p50_us", "lock held: p50 µs"},
                      {"p99_us", "p99 µs"},
                      {"max_us", "longest µs"},
                      {"over_1_ms_percent", "over 1 ms: %"}}) +
         plain_table(all, "very many rows in one transaction", {"bursts waiting", "bursts started"},
                     {{"insert_ms", "INSERT ms"},
                      {"polls", "polls of the tasks"},
                      {"late_after_commit_p99_ms", "late, from the commit on: p99 ms"},
                      {"late_after_commit_max_ms", "latest ms"},
                      {"late_max_ms", "from when it was due: latest ms"},
                      {"polls_of_the_burst", "polls of the burst's jobs"},
                      {"burst_late_after_commit_p99_ms", "p99 ms"},
                      {"burst_late_after_commit_max_ms", "latest ms"}});
}

} // namespace kdq::bench
