#include "daemon/web/layout.h"
#include "daemon/web/pages.h"
#include "daemon/web/pieces.h"
#include "daemon/web/zone_time.h"
#include "store/base/utf8.h"

namespace kdq::web {
namespace {

constexpr std::size_t schedules_on_a_page = 100;
constexpr std::int64_t most_shown_bytes = 20'000;

std::string own_address(const Row& row) {
  return address("/schedules", {{"name", row.text("name")}});
}

/// The next times, each by the schedule's clocks and in UTC: the first one, the others folded.
Html times_of(Reader::Snapshot& snapshot, const Row& schedule, const Visit& visit) {
  std::vector<Html> times;
  for (const Row& row :
       snapshot.rows("SELECT at FROM upcoming WHERE schedule = ?1 ORDER BY at LIMIT 5",
                     {schedule.text("name")})) {
    const auto at = parse_time(row.text("at"));
    times.push_back(html("<strong>{}</strong><br><span class=\"quiet\">{}</span>",
                         at ? zone_time(schedule.text("timezone"), *at) : row.text("at"),
                         time_of(row.text("at"))));
  }
  if (times.empty())
    return html("–");
  Html out = html("<div>{}</div>", times.front());
  if (times.size() == 1)
    return out;
  out.put("<details><summary>{} {}</summary><ul>", times.size() - 1, visit.t("more", "个后续时间"));
  for (std::size_t i = 1; i < times.size(); ++i)
    out.put("<li>{}</li>", times[i]);
  return out.put("</ul></details>");
}

Html last_of(const Row& row, const Visit& visit) {
  Html out;
  if (row.is_null("last_at"))
    return html("–");
  out.put("{} ", time_of(row.text("last_at")));
  if (!row.is_null("last_job_id"))
    out.put("{} ", job_link(row.integer("last_job_id")));
  if (!row.is_null("last_state"))
    out += state_badge(row.text("last_state"), visit);
  return out;
}

Html run_now(const Row& row, const Visit& visit, const std::string& back) {
  return action_button(
      visit, visit.t("Run now", "立即运行"),
      {{"action", "run_schedule"}, {"schedule", row.text("name")}, {"back", back}});
}

Html line_of(Reader::Snapshot& snapshot, const Row& row, const Visit& visit,
             const std::string& back) {
  Html out;
  out.put("<tr><th scope=\"row\"><a href=\"{}\">{}</a></th>", own_address(row),
          shortened(row.text("name"), 120));
  out.put("<td><code>{}</code><br><span class=\"quiet\">{}</span>", row.text("cron"),
          row.text("timezone"));
  if (row.integer("paused") != 0)
    out.put("<br><span class=\"state cancelled\">{}</span>", visit.t("paused", "已暂停"));
  out.put("</td><td>{}</td><td>{}</td><td class=\"number\">{}</td>", times_of(snapshot, row, visit),
          last_of(row, visit), grouped(row.integer("skipped")));
  out.put("<td>{}</td><td><a href=\"{}\">{}</a> {}</td></tr>", row.text("error"),
          address("/jobs", {{"schedule", row.text("name")}}), visit.t("its jobs", "其作业"),
          run_now(row, visit, back));
  return out;
}

Page list_page(Reader& reader, const Visit& visit) {
  Page page;
  page.title = visit.t("Schedules", "定时");
  page.live = true;
  const std::string after = visit.parameter("after");
  page.parts.push_back(read_part(reader, visit, "list", [&](Reader::Snapshot& snapshot) {
    std::vector<Row> rows = snapshot.rows(
        "SELECT name, substr(cron, 1, 200) AS cron, substr(timezone, 1, 100) AS timezone, paused, "
        "last_at, last_job_id, last_state, skipped, substr(error, 1, 500) AS error "
        "FROM schedules WHERE name > ?1 ORDER BY name LIMIT ?2",
        {after, static_cast<std::int64_t>(schedules_on_a_page + 1)});
    if (rows.empty())
      return html("<p class=\"quiet\">{}</p>",
                  after.empty() ? visit.t("There are no schedules.", "没有定时任务。")
                                : visit.t("There are no more.", "没有更多了。"));
    const bool has_more = rows.size() > schedules_on_a_page;
    if (has_more)
      rows.pop_back();
    Html lines;
    for (const Row& row : rows)
      lines += line_of(snapshot, row, visit, address("/schedules", {{"after", after}}));
    Html out = table(visit.t("Schedules", "定时任务"),
                     {{visit.t("Name", "名称")},
                      {visit.t("Times", "时间规则")},
                      {visit.t("Next", "后续时间")},
                      {visit.t("Last", "最近一次")},
                      {visit.t("Without a job", "未生成作业次数"), true},
                      {visit.t("Trouble", "问题")},
                      {visit.t("Jobs", "作业")}},
                     lines);
    if (has_more)
      out.put("<p><a href=\"{}\">{}</a></p>",
              address("/schedules", {{"after", rows.back().text("name")}}),
              visit.t("Further ones", "后面的定时任务"));
    return out;
  }));
  return page;
}

/// What its jobs are to be: all columns that a user writes.
Html settings_of(const Row& row) {
  constexpr std::string_view columns[] = {
      "cron",         "timezone",  "file_token",     "script_name", "app",      "class",
      "priority",     "overlap",   "missed",         "catch_up_s",  "jitter_s", "expires_s",
      "max_attempts", "timeout_s", "on_unconfirmed", "starts_at",   "ends_at"};
  Html out;
  out.put("<dl>");
  for (const std::string_view column : columns)
    out.put("<dt><code>{}</code></dt><dd>{}</dd>", column,
            row.is_null(column) ? "–" : row.text(column));
  return out.put("</dl>");
}

Html state_of(Reader::Snapshot& snapshot, const Row& row, const Visit& visit) {
  Html out;
  if (!row.is_null("error"))
    out.put("<p class=\"notice bad\">{}</p>", row.text("error"));
  out.put("<dl><dt>{}</dt><dd>{}</dd>", visit.t("Paused", "暂停"),
          row.integer("paused") != 0 ? visit.t("yes", "是") : visit.t("no", "否"));
  out.put("<dt>{}</dt><dd>{}</dd>", visit.t("Next times", "后续时间"),
          times_of(snapshot, row, visit));
  out.put("<dt>{}</dt><dd>{}</dd>", visit.t("Last time", "最近一次"), last_of(row, visit));
  out.put("<dt>{}</dt><dd>{}</dd>", visit.t("Times without a job", "未生成作业次数"),
          grouped(row.integer("skipped")));
  return out.put("<dt>{}</dt><dd><a href=\"{}\">{}</a></dd></dl>", visit.t("Jobs", "作业"),
                 address("/jobs", {{"schedule", row.text("name")}}),
                 visit.t("all of this schedule", "该定时任务的全部作业"));
}

Page one_page(Reader& reader, const Visit& visit, const std::string& name) {
  Page page;
  page.title = std::string(visit.t("Schedule ", "定时任务 ")) + shortened(name, 120);
  page.live = true;
  std::optional<Row> row;
  Html state;
  reader.read([&](Reader::Snapshot& snapshot) {
    row = snapshot.row(
        "SELECT rowid AS place, name, cron, timezone, substr(file_token, 1, 500) AS file_token, "
        "substr(script_name, 1, 500) AS script_name, substr(app, 1, 500) AS app, "
        "substr(class, 1, 500) AS class, priority, overlap, missed, catch_up_s, jitter_s, "
        "expires_s, max_attempts, timeout_s, on_unconfirmed, starts_at, ends_at, paused, last_at, "
        "last_job_id, last_state, skipped, substr(error, 1, 2000) AS error, argv IS NOT NULL AS "
        "has_argv FROM schedules WHERE name = ?1",
        {name});
    if (row)
      state = state_of(snapshot, *row, visit);
  });
  if (!row)
    return message_page(404, visit.t("Not found", "未找到"),
                        visit.t("There is no such schedule.", "没有这个定时任务。"));
  page.parts.push_back({"state", state});
  page.parts.push_back({"actions", run_now(*row, visit, own_address(*row))});
  page.parts.push_back({"settings", html("<h2>{}</h2>{}", visit.t("Of each job", "每个作业的设置"),
                                         settings_of(*row))});
  const auto value = [&](const std::string& column) {
    return long_text(
        reader.piece("schedules", column, row->integer("place"), 0, most_shown_bytes + 1),
        static_cast<std::size_t>(most_shown_bytes),
        address("/schedules/" + column, {{"name", row->text("name")}}), visit);
  };
  Html texts;
  if (row->integer("has_argv") != 0)
    texts.put("<h2>argv</h2>{}", value("argv"));
  texts.put("<h2>{}</h2>{}", visit.t("Script", "脚本"), value("script"));
  page.parts.push_back({"texts", texts});
  return page;
}

} // namespace

Page schedules_page(Reader& reader, const Visit& visit) {
  const std::string name = visit.parameter("name");
  return name.empty() ? list_page(reader, visit) : one_page(reader, visit, name);
}

} // namespace kdq::web
