#include "daemon/web/layout.h"
#include "daemon/web/pages.h"
#include "daemon/web/pieces.h"
#include "daemon/web/quota_charts.h"
#include "store/base/utf8.h"

namespace kdq::web {
namespace {

constexpr std::int64_t most_apps = 20;
constexpr std::int64_t most_classes = 100;
constexpr std::int64_t most_pauses = 200;
constexpr std::int64_t shown_days = 14;

/// A sentence of the daemon's, and until when it is expected to hold.
Html wait_of(const Row& row, std::string_view wait, std::string_view at, const Visit& visit) {
  if (row.is_null(wait))
    return html("{}", visit.t("nothing", "无"));
  Html out = html("{}", row.text(wait));
  if (!row.is_null(at))
    out.put(" ({} {})", time_of(row.text(at)), age_of(row.text(at), visit));
  return out;
}

Html facts_of(const Row& row, const Visit& visit) {
  Html out;
  const auto fact = [&](std::string_view name, const Html& value) {
    out.put("<dt>{}</dt><dd>{}</dd>", name, value);
  };
  const auto moment = [&](std::string_view column) {
    return html("{} {}", time_of(row.text(column)), age_of(row.text(column), visit));
  };
  out.put("<dl>");
  fact(visit.t("State", "状态"),
       html("{} {}", state_badge(row.text("state"), visit), row.text("reason")));
  fact(visit.t("Since", "起始时间"), moment("since"));
  fact(visit.t("Running", "运行中"), html("{}", grouped(row.integer("running"))));
  fact(visit.t("Holds starts back", "启动受阻"), wait_of(row, "start_wait", "start_at", visit));
  fact(visit.t("Holds jobs without a schedule back", "非定时作业受阻"),
       wait_of(row, "unscheduled_wait", "unscheduled_at", visit));
  fact(visit.t("Holds status requests back", "状态查询受阻"),
       wait_of(row, "poll_wait", "poll_at", visit));
  fact(visit.t("Token expires", "令牌到期"), moment("token_expires_at"));
  fact(visit.t("Consent ends", "授权到期"), moment("consent_ends_at"));
  if (!row.is_null("token_trouble"))
    fact(visit.t("Token trouble", "令牌问题"), html("{}", row.text("token_trouble")));
  if (!row.is_null("login"))
    fact(visit.t("To consent anew", "重新授权"), html("<code>{}</code>", row.text("login")));
  return out.put("</dl>");
}

Html classes_of(Reader::Snapshot& snapshot, const Row& app, const Visit& visit) {
  Html lines;
  for (const Row& row : snapshot.rows(
           "SELECT c.name, weight, max_running, starts_per_day, coalesce(s.starts, 0) AS starts "
           "FROM classes AS c LEFT JOIN class_starts AS s ON s.app = c.app AND s.day = ?2 AND "
           "s.class = c.name WHERE c.app = ?1 ORDER BY c.name LIMIT ?3",
           {app.text("name"), app.text("day"), most_classes})) {
    const auto limit = [&](std::string_view column) {
      return row.is_null(column) ? std::string(visit.t("none", "不限"))
                                 : grouped(row.integer(column));
    };
    lines.put("<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td><td class=\"number\">{}"
              "</td><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>",
              shortened(row.text("name"), 120), grouped(row.integer("weight")),
              limit("max_running"), grouped(row.integer("starts")), limit("starts_per_day"));
  }
  if (lines.empty())
    return {};
  return html("<h3>{}</h3>{}", visit.t("Classes", "类别"),
              table(shortened(app.text("name"), 120) + std::string(visit.t(": classes", "：类别")),
                    {{visit.t("Class", "类别")},
                     {visit.t("Weight", "权重"), true},
                     {visit.t("At most at once", "最多同时运行"), true},
                     {visit.t("Starts today", "今日启动"), true},
                     {visit.t("At most a day", "每日最多启动"), true}},
                    lines));
}

Html app_of(Reader::Snapshot& snapshot, const Row& row, const Visit& visit) {
  const std::string name = row.text("name");
  Html out = html("<h2>{}</h2>{}", shortened(name, 120), facts_of(row, visit));
  out.put("<h3>{}</h3>{}", visit.t("Quotas today", "今日配额"),
          quota_of_today(snapshot, visit, name));
  if (const Html days = quota_of_days(snapshot, visit, name, shown_days); !days.empty())
    out.put("<h3>{}</h3>{}", visit.t("Quotas of the last 14 days", "最近 14 天的配额"), days);
  out += classes_of(snapshot, row, visit);
  return out.put("<p><a href=\"{}\">{}</a></p>", address("/jobs", {{"app", name}}),
                 visit.t("Its jobs", "查看其作业"));
}

Html apps_of(Reader::Snapshot& snapshot, const Visit& visit) {
  Html out;
  for (const Row& row :
       snapshot.rows("SELECT name, state, substr(reason, 1, 2000) AS reason, since, start_at, "
                     "substr(start_wait, 1, 2000) AS start_wait, unscheduled_at, "
                     "substr(unscheduled_wait, 1, 2000) AS unscheduled_wait, poll_at, "
                     "substr(poll_wait, 1, 2000) AS poll_wait, day, running, token_expires_at, "
                     "consent_ends_at, substr(token_trouble, 1, 2000) AS token_trouble, "
                     "substr(login, 1, 500) AS login FROM apps ORDER BY name LIMIT ?1",
                     {most_apps}))
    out += app_of(snapshot, row, visit);
  if (out.empty())
    out.put("<p class=\"quiet\">{}</p>", visit.t("No app is configured.", "没有配置应用。"));
  return out;
}

std::string_view scope_word(const std::string& scope, const Visit& visit) {
  if (scope == "all")
    return visit.t("all", "全部");
  if (scope == "app")
    return visit.t("app", "应用");
  return visit.t("file", "文件");
}

Html pauses_of(Reader::Snapshot& snapshot, const Visit& visit) {
  Html lines;
  for (const Row& row :
       snapshot.rows("SELECT scope, key, substr(reason, 1, 1000) AS reason, created_at "
                     "FROM pauses ORDER BY scope, key LIMIT ?1",
                     {most_pauses}))
    lines.put("<tr><th scope=\"row\">{} {}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
              scope_word(row.text("scope"), visit), shortened(row.text("key"), 120),
              row.text("reason"), time_of(row.text("created_at")),
              action_button(visit, visit.t("Resume", "恢复"),
                            {{"action", "resume"},
                             {"scope", row.text("scope")},
                             {"key", row.text("key")},
                             {"back", "/apps"}}));
  Html out = html("<h2>{}</h2>", visit.t("Paused starts", "已暂停的启动"));
  if (lines.empty())
    return out.put("<p class=\"quiet\">{}</p>", visit.t("Nothing is paused.", "没有暂停。"));
  out += table(visit.t("Pauses", "暂停列表"),
               {{visit.t("What", "范围")},
                {visit.t("Reason", "原因")},
                {visit.t("Since", "起始时间")},
                {visit.t("Action", "操作")}},
               lines);
  return out;
}

/// Buttons for what is not paused yet.
Html pausing_of(Reader::Snapshot& snapshot, const Visit& visit) {
  Html out;
  const auto is_paused = [&](const std::string& scope, const std::string& key) {
    return snapshot.row("SELECT 1 FROM pauses WHERE scope = ?1 AND key = ?2", {scope, key})
        .has_value();
  };
  const auto button = [&](const std::string& label, const std::string& scope,
                          const std::string& key) {
    if (!is_paused(scope, key))
      out += action_button(
          visit, label, {{"action", "pause"}, {"scope", scope}, {"key", key}, {"back", "/apps"}});
  };
  button(std::string(visit.t("Pause all starts", "暂停全部启动")), "all", "");
  for (const Row& row : snapshot.rows("SELECT name FROM apps ORDER BY name LIMIT ?1", {most_apps}))
    button(std::string(visit.t("Pause the app ", "暂停应用 ")) + shortened(row.text("name"), 60),
           "app", row.text("name"));
  return out;
}

} // namespace

Page apps_page(Reader& reader, const Visit& visit) {
  Page page;
  page.title = visit.t("Apps", "应用");
  page.live = true;
  const auto add = [&](std::string id, Html (*make)(Reader::Snapshot&, const Visit&)) {
    page.parts.push_back(read_part(reader, visit, std::move(id), [&](Reader::Snapshot& snapshot) {
      return make(snapshot, visit);
    }));
  };
  add("apps", apps_of);
  add("pauses", pauses_of);
  add("pausing", pausing_of);
  return page;
}

} // namespace kdq::web
