#include "daemon/web/quota_charts.h"

#include "daemon/web/charts.h"
#include "daemon/web/layout.h"
#include "daemon/web/pieces.h"
#include "store/base/utf8.h"

#include <algorithm>

namespace kdq::web {
namespace {

constexpr std::string_view endpoints[] = {"submit", "status"};

/// A table is told from those of other apps by it.
std::string label_of(const std::string& app, std::string_view endpoint, const Visit& visit) {
  return shortened(app, 120).append(": ").append(endpoint_word(endpoint, visit));
}

/// For who does not see the chart.
std::string words_of(const Row& row, const Visit& visit) {
  const auto count = [&](std::string_view column) { return std::to_string(row.integer(column)); };
  const std::string_view comma = visit.t(", ", "，");
  std::string words(endpoint_word(row.text("endpoint"), visit));
  words.append(visit.t(": ", "：")).append(visit.t("used ", "已用 ")).append(count("used"));
  words.append(visit.t(" of ", " / ")).append(count("allowed"));
  words.append(comma).append(visit.t("left ", "剩余 ")).append(count("left"));
  words.append(comma).append(visit.t("reserved ", "预留 ")).append(count("reserved"));
  words.append(comma).append(visit.t("by others ", "其他程序 ")).append(count("others"));
  words.append(comma);
  if (row.is_null("exhausted_at"))
    words.append(visit.t("lasts until the reset", "可用到重置"));
  else
    words.append(visit.t("used up at ", "预计用完于 "))
        .append(row.text("exhausted_at").substr(0, 16))
        .append(" UTC");
  return words;
}

Html numbers_of(const Row& row, const std::string& app, const Visit& visit) {
  Html rows;
  const auto add = [&](std::string_view name, const Html& value) {
    rows.put("<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td></tr>", name, value);
  };
  const auto count = [&](std::string_view column) {
    return html("{}", grouped(row.integer(column)));
  };
  add(visit.t("allowed a day", "每日额度"), count("allowed"));
  add(visit.t("used", "已用"), count("used"));
  add(visit.t("of these by others", "其中其他程序所用"), count("others"));
  add(visit.t("left", "剩余"), count("left"));
  add(visit.t("of these reserved for what runs", "其中为运行中作业预留"), count("reserved"));
  add(visit.t("used up at", "预计用完"), row.is_null("exhausted_at")
                                             ? html("{}", visit.t("not today", "今日不会"))
                                             : time_of(row.text("exhausted_at")));
  add(visit.t("reset at", "重置时间"), time_of(row.text("resets_at")));
  return html("<details><summary>{}</summary>{}</details>", visit.t("The numbers", "具体数字"),
              table(label_of(app, row.text("endpoint"), visit),
                    {{visit.t("What", "项目")}, {visit.t("Number or time", "数值或时间"), true}},
                    rows));
}

} // namespace

std::string_view endpoint_word(std::string_view endpoint, const Visit& visit) {
  if (endpoint == "submit")
    return visit.t("starts", "启动");
  if (endpoint == "status")
    return visit.t("status requests", "状态查询");
  return endpoint;
}

Html quota_of_today(Reader::Snapshot& snapshot, const Visit& visit, const std::string& app) {
  Html out;
  for (const Row& row : snapshot.rows(
           "SELECT t.endpoint, t.allowed, t.used, t.left, t.reserved, t.others, t.exhausted_at, "
           "t.resets_at, a.day_begins FROM quota_today AS t JOIN apps AS a ON a.name = t.app "
           "WHERE a.name = ?1 ORDER BY t.endpoint DESC LIMIT 2",
           {app})) {
    const std::string words = words_of(row, visit);
    out.put("<figure><figcaption>{}</figcaption>",
            row.is_null("allowed") ? std::string(endpoint_word(row.text("endpoint"), visit))
                                         .append(visit.t(": not known yet", "：尚未知晓"))
                                   : words);
    const auto begins = parse_time(row.text("day_begins"));
    const auto ends = parse_time(row.text("resets_at")); // NULL once the day is over
    if (begins && ends) {
      BurnDown day;
      day.begins = *begins;
      day.now = visit.now;
      day.ends = *ends;
      day.allowed = row.integer("allowed");
      day.left = row.integer("left");
      day.reserved = row.integer("reserved");
      day.others = row.integer("others");
      day.exhausted = parse_time(row.text("exhausted_at"));
      out += burn_down(day, words, visit);
    }
    out += numbers_of(row, app, visit);
    out.put("</figure>");
  }
  return out.empty() ? out : html("<div class=\"charts\">{}</div>", out);
}

Html quota_of_days(Reader::Snapshot& snapshot, const Visit& visit, const std::string& app,
                   std::int64_t days) {
  Html out;
  for (const std::string_view endpoint : endpoints) {
    std::vector<Row> rows =
        snapshot.rows("SELECT substr(day, 1, 10) AS day, allowed, used FROM quota WHERE app = ?1 "
                      "AND endpoint = ?2 ORDER BY quota.day DESC LIMIT ?3",
                      {app, std::string(endpoint), days});
    if (rows.empty())
      continue;
    std::vector<Bar> bars;
    for (auto row = rows.rbegin(); row != rows.rend(); ++row)
      bars.push_back({row->text("day"), row->integer("used"), row->integer("allowed")});
    const std::string caption =
        std::string(endpoint_word(endpoint, visit)).append(visit.t(" on each day", "（按日）"));
    std::string words = caption;
    words.append(visit.t(": the last day ", "：最近一日 ")).append(bars.back().label);
    words.append(visit.t(" has ", " 为 ")).append(std::to_string(bars.back().value));
    words.append(visit.t(" of ", " / ")).append(std::to_string(bars.back().limit));
    std::vector<Bar> drawn = bars; // a chart has no room for the year
    for (Bar& bar : drawn)
      bar.label.erase(0, std::min<std::size_t>(5, bar.label.size()));
    out.put("<figure><figcaption>{}</figcaption>{}{}</figure>", caption, bar_chart(drawn, words),
            bar_numbers(bars, label_of(app, endpoint, visit), visit.t("Day", "日期"),
                        endpoint_word(endpoint, visit), visit));
  }
  return out.empty() ? out : html("<div class=\"charts\">{}</div>", out);
}

} // namespace kdq::web
