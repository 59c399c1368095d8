#include "daemon/web/layout.h"
#include "daemon/web/pages.h"
#include "daemon/web/pieces.h"
#include "daemon/web/quota_charts.h"
#include "daemon/web/run_lengths.h"
#include "store/base/utf8.h"

#include <algorithm>
#include <tuple>

namespace kdq::web {
namespace {

constexpr std::int64_t most_running = 50;
constexpr std::size_t most_next = 20;
constexpr int most_queues = 50; // pairs of app and class
constexpr std::int64_t most_apps_now = 20;
constexpr int most_causes_now = 20;
constexpr std::int64_t most_counted_now = 2000;
constexpr std::int64_t most_runs = 2000;
constexpr std::size_t most_learnt_apps = 5; // whose run times are read

Html notices_of(const std::vector<Row>& rows, const Visit& visit) {
  Html out;
  for (const Row& row : rows)
    out.put("<p class=\"notice bad\"><strong>{}</strong>: {} {}</p>", row.text("subject"),
            row.text("message"), age_of(row.text("since"), visit));
  return out;
}

Part health_part(Reader& reader, const Visit& visit) {
  Html out;
  try {
    reader.read([&](Reader::Snapshot& snapshot) {
      out = notices_of(snapshot.rows("SELECT substr(subject, 1, 200) AS subject, since, "
                                     "substr(message, 1, 2000) AS message FROM health LIMIT 20"),
                       visit);
    });
  } catch (const ReadTooLong&) { // its rows about jobs look at each that is held or stuck
    reader.read([&](Reader::Snapshot& snapshot) {
      out = notices_of(
          snapshot.rows("SELECT 'daemon' AS subject, stopped_at AS since, substr(coalesce("
                        "stop_reason, trouble, config_trouble), 1, 2000) AS message FROM daemon "
                        "WHERE coalesce(stop_reason, trouble, config_trouble) IS NOT NULL "
                        "UNION ALL SELECT 'app ' || substr(name, 1, 200), since, "
                        "substr(reason, 1, 2000) FROM apps WHERE state <> 'ready' LIMIT 20"),
          visit);
    });
    out.put(
        "<p class=\"notice\">{}</p>",
        visit.t("So many jobs are held or stuck that this is not all: SELECT * FROM health has the "
                "rest.",
                "被搁置或受阻的作业过多，此处显示不全；完整内容请执行 SELECT * FROM health。"));
  }
  if (out.empty())
    out.put("<p class=\"notice good\">{}</p>", visit.t("All is well.", "一切正常。"));
  return {"health", std::move(out)};
}

Html counts_of(Reader::Snapshot& snapshot, const Visit& visit) {
  Html out;
  out.put("<div class=\"cards\">");
  for (const Row& row : snapshot.rows("SELECT state, jobs FROM job_counts LIMIT 20"))
    out.put("<div class=\"card\"><a href=\"{}\"><strong>{}</strong>{}</a></div>",
            address("/jobs", {{"state", row.text("state")}}), grouped(row.integer("jobs")),
            state_word(row.text("state"), visit));
  return out.put("</div>");
}

/// How long it runs, and how long its like do.
Html length_of(const Row& row, const Spread& usual, const Visit& visit) {
  const auto started = parse_time(row.text("submitted_at"));
  if (!started)
    return html("–");
  const auto age = std::max(visit.now - *started, std::chrono::milliseconds(0));
  Html out = html("{}", span_text(age));
  if (usual.count == 0)
    return out;
  if (age > usual.p90)
    out.put(" <strong>{}</strong>", visit.t("longer than usual", "超过通常时长"));
  out.put("<br><span class=\"quiet\">{} {}</span>", visit.t("usually", "通常"),
          span_text(usual.median));
  return out;
}

Html running_of(Reader::Snapshot& snapshot, const Visit& visit) {
  std::vector<Row> rows;
  const auto running = snapshot.row("SELECT jobs FROM job_counts WHERE state = 'running'");
  if (running && running->integer("jobs") > 0) // else the index has only what is unconfirmed
    rows = snapshot.rows(
        "SELECT id, app, file_token, script_name, state, progress, submitted_at, "
        "substr(progress_text, 1, 200) AS progress_text FROM jobs INDEXED BY jobs_open "
        "WHERE (state = 'submitting' OR state = 'running' OR state = 'unconfirmed') "
        "AND state <> 'unconfirmed' ORDER BY id LIMIT ?1",
        {most_running});
  Html out = html("<h2>{}</h2>", visit.t("Runs now", "正在运行"));
  if (rows.empty())
    return out.put("<p class=\"quiet\">{}</p>", visit.t("Nothing runs.", "没有作业在运行。"));
  std::map<std::string, std::map<std::string, Spread>> usual; // by app
  Html lines;
  for (const Row& row : rows) {
    const std::string app = row.text("app");
    if (!usual.contains(app) && usual.size() < most_learnt_apps)
      usual[app] = spread_by_key(newest_runs(snapshot, app, most_runs));
    const auto& of_app = usual[app];
    const auto found = of_app.find(name_key(row.text("file_token"), row.text("script_name")));
    lines.put("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>",
              job_link(row.integer("id")), shortened(row.text("script_name"), 80),
              shortened(row.text("file_token"), 24), shortened(app, 40),
              state_badge(row.text("state"), visit),
              length_of(row, found == of_app.end() ? Spread{} : found->second, visit));
    if (!row.is_null("progress"))
      lines += progress_bar(row.integer("progress"), visit.t("progress", "进度"));
    lines.put(" {}</td></tr>", row.text("progress_text"));
  }
  out += table(visit.t("Jobs that run", "运行中的作业"),
               {{visit.t("Job", "作业")},
                {visit.t("Name", "名称")},
                {visit.t("File", "文件")},
                {visit.t("App", "应用")},
                {visit.t("State", "状态")},
                {visit.t("For", "已运行")},
                {visit.t("Progress", "进度")}},
               lines);
  if (static_cast<std::int64_t>(rows.size()) == most_running)
    out.put("<p><a href=\"/jobs?state=running\">{}</a></p>",
            visit.t("All that run", "查看全部运行中的作业"));
  return out;
}

/// The ids of what is started next, in order: the queue has an order of its own for each class.
std::vector<std::int64_t> next_of(Reader::Snapshot& snapshot) {
  using Place = std::tuple<std::int64_t, std::string, std::int64_t>;
  std::vector<Place> places;
  std::string app, name;
  for (int i = 0; i < most_queues; ++i) {
    const auto queue = snapshot.row("SELECT app, class FROM queue WHERE lane = 'ready' AND "
                                    "(app, class) > (?1, ?2) ORDER BY app, class LIMIT 1",
                                    {app, name});
    if (!queue)
      break;
    app = queue->text("app");
    name = queue->text("class");
    for (const Row& row :
         snapshot.rows("SELECT priority, due, job_id FROM queue WHERE lane = 'ready' AND app = ?1 "
                       "AND class = ?2 ORDER BY priority, due, job_id LIMIT ?3",
                       {app, name, static_cast<std::int64_t>(most_next)}))
      places.emplace_back(row.integer("priority"), row.text("due"), row.integer("job_id"));
  }
  std::sort(places.begin(), places.end());
  std::vector<std::int64_t> ids;
  ids.reserve(places.size());
  for (const auto& [priority, due, id] : places)
    ids.push_back(id);
  if (ids.size() < most_next)
    for (const Row& row :
         snapshot.rows("SELECT job_id FROM queue WHERE lane = 'future' ORDER BY due LIMIT ?1",
                       {static_cast<std::int64_t>(most_next - ids.size())}))
      ids.push_back(row.integer("job_id"));
  ids.resize(std::min(ids.size(), most_next));
  return ids;
}

Html waiting_of(Reader::Snapshot& snapshot, const Visit& visit) {
  Html lines;
  for (const std::int64_t id : next_of(snapshot))
    for (const Row& row : snapshot.rows(
             "SELECT app, file_token, script_name, substr(reason, 1, 500) AS reason, expected_at "
             "FROM waiting WHERE job_id = ?1 LIMIT 1",
             {id}))
      lines.put("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{} {}</td></tr>",
                job_link(id), shortened(row.text("script_name"), 80),
                shortened(row.text("file_token"), 24), shortened(row.text("app"), 40),
                row.text("reason"), time_of(row.text("expected_at")),
                age_of(row.text("expected_at"), visit));
  Html out = html("<h2>{}</h2>", visit.t("Starts next", "接下来启动"));
  if (lines.empty())
    return out.put("<p class=\"quiet\">{}</p>",
                   visit.t("Nothing is ready to start.", "没有可启动的作业。"));
  out += table(visit.t("Jobs that start next", "接下来启动的作业"),
               {{visit.t("Job", "作业")},
                {visit.t("Name", "名称")},
                {visit.t("File", "文件")},
                {visit.t("App", "应用")},
                {visit.t("Why it waits", "等待原因")},
                {visit.t("Expected", "预计启动")}},
               lines);
  return out.put("<p><a href=\"/jobs?state=queued\">{}</a></p>",
                 visit.t("All that are queued", "查看全部排队作业"));
}

Html quotas_of(Reader::Snapshot& snapshot, const Visit& visit) {
  Html out = html("<h2>{}</h2>", visit.t("Quotas of the day", "今日配额"));
  const std::size_t before = out.text().size();
  for (const Row& row :
       snapshot.rows("SELECT name FROM apps ORDER BY name LIMIT ?1", {most_apps_now}))
    out.put("<h3><a href=\"/apps\">{}</a></h3>{}", shortened(row.text("name"), 80),
            quota_of_today(snapshot, visit, row.text("name")));
  if (out.text().size() == before)
    out.put("<p class=\"quiet\">{}</p>", visit.t("No app is configured.", "没有配置应用。"));
  return out;
}

/// How many dead letters have ended since, for each cause: from one cause to the next.
Html failures_of(Reader::Snapshot& snapshot, const Visit& visit) {
  const std::string since = kdq::to_text(visit.now - std::chrono::hours(24));
  Html lines;
  std::string cause;
  for (int i = 0; i < most_causes_now; ++i) {
    const auto next = snapshot.row(
        "SELECT min(cause) AS cause FROM jobs WHERE cause IS NOT NULL AND cause > ?1", {cause});
    if (!next || next->is_null("cause"))
      break;
    cause = next->text("cause");
    std::int64_t count = 0;
    for (const char* state : {"failed", "timed_out"})
      count += snapshot
                   .row("SELECT count(*) AS jobs FROM (SELECT 1 FROM jobs INDEXED BY jobs_cause "
                        "WHERE cause IS NOT NULL AND cause = ?1 AND state = ?2 "
                        "AND finished_at > ?3 LIMIT ?4)",
                        {cause, std::string(state), since, most_counted_now})
                   ->integer("jobs");
    if (count > 0)
      lines.put("<tr><th scope=\"row\"><a href=\"{}\">{}</a></th><td class=\"number\">{}{}</td>"
                "</tr>",
                address("/jobs", {{"cause", cause}}), cause,
                count >= most_counted_now ? visit.t("at least ", "至少 ") : "", grouped(count));
  }
  Html out = html("<h2>{}</h2>", visit.t("Failures of the last day", "最近一天的失败"));
  if (lines.empty())
    out.put("<p class=\"quiet\">{}</p>", visit.t("None.", "没有。"));
  else
    out += table(visit.t("Failures by cause", "按原因统计的失败"),
                 {{visit.t("Cause", "原因")}, {visit.t("Jobs", "作业数"), true}}, lines);
  return out.put("<p><a href=\"/failures\">{}</a></p>", visit.t("All failures", "查看全部失败"));
}

} // namespace

Page now_page(Reader& reader, const Visit& visit) {
  Page page;
  page.title = visit.t("Now", "现在");
  page.live = true;
  const auto add = [&](std::string id, Html (*make)(Reader::Snapshot&, const Visit&)) {
    page.parts.push_back(read_part(reader, visit, std::move(id), [&](Reader::Snapshot& snapshot) {
      return make(snapshot, visit);
    }));
  };
  page.parts.push_back(health_part(reader, visit));
  add("counts", counts_of);
  add("running", running_of);
  add("next", waiting_of);
  add("quotas", quotas_of);
  add("failures", failures_of);
  return page;
}

} // namespace kdq::web
