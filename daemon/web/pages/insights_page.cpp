#include "daemon/web/charts.h"
#include "daemon/web/layout.h"
#include "daemon/web/pages.h"
#include "daemon/web/pieces.h"
#include "daemon/web/quota_charts.h"
#include "daemon/web/run_lengths.h"
#include "store/base/utf8.h"

#include <algorithm>
#include <span>

namespace kdq::web {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t most_apps_compared = 10;
constexpr std::int64_t most_run_rows = 2000;
constexpr std::size_t most_scripts = 30;
constexpr std::int64_t most_jobs = 1000;
constexpr std::int64_t compared_days = 30;

/// How many of the values are at most each bound, and above the one before; the last bar has the
/// rest.
std::vector<Bar> histogram(const std::vector<std::int64_t>& values,
                           std::span<const std::int64_t> bounds) {
  std::vector<Bar> bars;
  for (const std::int64_t bound : bounds)
    bars.push_back({"≤" + std::to_string(bound), 0, 0});
  bars.push_back({">" + std::to_string(bounds.back()), 0, 0});
  for (const std::int64_t value : values)
    ++bars[static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), value) -
                                    bounds.begin())]
          .value;
  return bars;
}

/// The script of a key of run_times as a person knows it: by its name, else by its digest.
Html name_of(std::string_view key, const Visit& visit) {
  if (const std::size_t slash = key.find('/'); key.starts_with("f:") && slash != key.npos)
    return html("{}", shortened(key.substr(slash + 1), 120));
  return html("<span class=\"quiet\">{} <code>{}</code></span>",
              visit.t("without a name, digest", "未命名，摘要"),
              shortened(key.substr(std::min<std::size_t>(2, key.size())), 12));
}

std::string file_of(std::string_view key) {
  const std::size_t slash = key.find('/');
  return key.starts_with("f:") && slash != key.npos ? shortened(key.substr(2, slash - 2), 40) : "–";
}

Html lengths_table(const std::vector<StoredRun>& runs, const std::string& app, const Visit& visit) {
  std::vector<std::pair<std::string, Spread>> scripts;
  for (auto& [key, spread] : spread_by_key(runs))
    scripts.emplace_back(key, spread);
  std::stable_sort(scripts.begin(), scripts.end(),
                   [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
  scripts.resize(std::min(scripts.size(), most_scripts));
  Html lines;
  for (const auto& [key, spread] : scripts)
    lines.put("<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"number\">{}</td><td "
              "class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
              name_of(key, visit), file_of(key), grouped(spread.count), span_text(spread.median),
              span_text(spread.p90));
  return table(shortened(app, 120).append(visit.t(": run times", "：运行时长")),
               {{visit.t("Script", "脚本")},
                {visit.t("File", "文件")},
                {visit.t("Runs", "次数"), true},
                {visit.t("Median", "中位数"), true},
                {visit.t("Nine of ten within", "九成不超过"), true}},
               lines);
}

/// How long the ends of these runs were not seen.
Html unseen_of(const std::vector<StoredRun>& runs, const std::string& app, const Visit& visit) {
  constexpr std::int64_t bounds[] = {1, 2, 5, 10, 20, 30, 60, 120, 300, 600};
  std::vector<milliseconds> spans;
  std::vector<std::int64_t> seconds; // rounded up
  for (const StoredRun& run : runs)
    if (run.unseen) {
      spans.push_back(*run.unseen);
      seconds.push_back((run.unseen->count() + 999) / 1000);
    }
  Html out = html("<h4>{}</h4>", visit.t("How long ends were not seen", "结束后多久被发现"));
  if (spans.empty())
    return out.put("<p class=\"quiet\">{}</p>",
                   visit.t("No log says when its script has ended.", "没有日志写明脚本何时结束。"));
  const Spread spread = spread_of(spans);
  std::string words(visit.t("Half of the ends were seen within ", "一半的结束在 "));
  words.append(span_text(spread.median))
      .append(visit.t(", nine of ten within ", " 内被发现，九成在 "))
      .append(span_text(spread.p90))
      .append(visit.t(" (", " 内（"))
      .append(std::to_string(spread.count))
      .append(visit.t(" runs whose log says when the script ended).",
                      " 次运行，以日志中的结束时间为准）。"));
  const std::vector<Bar> bars = histogram(seconds, bounds);
  return out.put(
      "<figure><figcaption>{}</figcaption>{}{}</figure>", words, bar_chart(bars, words),
      bar_numbers(bars, shortened(app, 120).append(visit.t(": unseen ends", "：未被发现的时长")),
                  visit.t("Seconds", "秒"), visit.t("Runs", "次数"), visit));
}

Html app_of(Reader::Snapshot& snapshot, const std::string& app, const Visit& visit) {
  const std::vector<StoredRun> runs = newest_runs(snapshot, app, most_run_rows);
  Html out = html("<h3>{}</h3>", shortened(app, 120));
  if (runs.empty())
    return out.put("<p class=\"quiet\">{}</p>", visit.t("No run is known yet.", "尚无运行记录。"));
  out.put("<h4>{}</h4>{}", visit.t("How long scripts ran", "脚本运行时长"),
          lengths_table(runs, app, visit));
  return out += unseen_of(runs, app, visit);
}

Html polls_of(Reader::Snapshot& snapshot, const Visit& visit) {
  constexpr std::int64_t bounds[] = {0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 50};
  std::vector<std::int64_t> polls;
  std::int64_t all = 0;
  for (const Row& row : snapshot.rows("SELECT polls FROM jobs INDEXED BY jobs_ended WHERE "
                                      "finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT ?1",
                                      {most_jobs})) {
    polls.push_back(std::clamp<std::int64_t>(row.integer("polls"), 0, 1'000'000'000));
    all += polls.back();
  }
  Html out = html("<h2>{}</h2>", visit.t("Status requests of a job", "每个作业的状态查询次数"));
  if (polls.empty())
    return out.put("<p class=\"quiet\">{}</p>", visit.t("No job has ended yet.", "尚无作业结束。"));
  const auto count = static_cast<std::int64_t>(polls.size());
  const std::int64_t tenths = all * 10 / count;
  std::string words(visit.t("The last ", "最近结束的 "));
  words.append(std::to_string(count))
      .append(visit.t(" jobs that ended took ", " 个作业平均查询 "))
      .append(std::to_string(tenths / 10) + "." + std::to_string(tenths % 10))
      .append(visit.t(" status requests each on average (of their last attempt).",
                      " 次（仅计最后一次尝试）。"));
  const std::vector<Bar> bars = histogram(polls, bounds);
  return out.put("<figure><figcaption>{}</figcaption>{}{}</figure>", words, bar_chart(bars, words),
                 bar_numbers(bars, visit.t("Status requests of a job", "每个作业的状态查询次数"),
                             visit.t("Status requests", "查询次数"), visit.t("Jobs", "作业数"),
                             visit));
}

} // namespace

Page insights_page(Reader& reader, const Visit& visit) {
  Page page;
  page.title = visit.t("Insights", "分析");
  std::vector<std::string> apps;
  reader.read([&](Reader::Snapshot& snapshot) {
    for (const Row& row :
         snapshot.rows("SELECT name FROM apps ORDER BY name LIMIT ?1", {most_apps_compared}))
      apps.push_back(row.text("name"));
  });
  page.parts.push_back(
      {"runs",
       html("<h2>{}</h2><p class=\"quiet\">{}</p>", visit.t("Run times", "运行时长"),
            visit.t(
                "From the last 2,000 rows of run_times of each app, which the daemon keeps to "
                "plan its status requests. Without a log line that tells it, the length is "
                "the middle between the last request that found the script running and the "
                "one that found it ended.",
                "取自每个应用在 run_times 中最近的 2,000 行；守护进程据此安排状态查询。日志未写明"
                "时，时长取最后一次查到仍在运行与首次查到已结束的中点。"))});
  for (std::size_t i = 0; i < apps.size(); ++i)
    page.parts.push_back(
        read_part(reader, visit, "runs-" + std::to_string(i),
                  [&](Reader::Snapshot& snapshot) { return app_of(snapshot, apps[i], visit); }));
  page.parts.push_back(read_part(reader, visit, "polls", [&](Reader::Snapshot& snapshot) {
    return polls_of(snapshot, visit);
  }));
  page.parts.push_back(read_part(reader, visit, "quota", [&](Reader::Snapshot& snapshot) {
    Html out = html("<h2>{}</h2>", visit.t("Quotas of the last 30 days", "最近 30 天的配额"));
    for (const std::string& app : apps)
      out.put("<h3>{}</h3>{}", shortened(app, 120),
              quota_of_days(snapshot, visit, app, compared_days));
    return out;
  }));
  return page;
}

} // namespace kdq::web
