#include "daemon/web/pages.h"
#include "daemon/web/pages/job_parts.h"
#include "daemon/web/pieces.h"

#include <algorithm>

namespace kdq::web {
namespace {

constexpr std::int64_t jobs_per_page = 15;
constexpr std::int64_t most_lines = 3;
constexpr std::int64_t most_others = 3;
constexpr std::int64_t looked_at_for_others = 1000; // a file has no index of what has ended
constexpr int most_requests_shown = 4;
// So many open jobs are put in order of their ids at once; more, as after a restore, are shown in
// the order of the index.
constexpr std::int64_t most_sorted = 10'000;

constexpr std::string_view unconfirmed_columns =
    "SELECT id, substr(file_token, 1, 1000) AS file_token, substr(script_name, 1, 200) AS name, "
    "substr(app, 1, 200) AS app, attempt, submitted_at, created_at, substr(error, 1, 4000) AS "
    "error "
    "FROM jobs INDEXED BY jobs_open "
    "WHERE (state = 'submitting' OR state = 'running' OR state = 'unconfirmed') "
    "AND state = 'unconfirmed' ";

struct Found {
  std::vector<Row> jobs;
  std::int64_t unconfirmed = 0;
  bool by_file = false;
  bool has_more = false;
};

Found find(Reader& reader, const Visit& visit) {
  Found found;
  reader.read([&](Reader::Snapshot& snapshot) {
    std::int64_t open = 0;
    for (const Row& row : snapshot.rows(
             "SELECT state, jobs FROM job_counts WHERE state IN ('running', 'unconfirmed')")) {
      open += row.integer("jobs");
      if (row.text("state") == "unconfirmed")
        found.unconfirmed = row.integer("jobs");
    }
    found.by_file = open > most_sorted;
    const std::string sql(unconfirmed_columns);
    const std::int64_t after = visit.number("after").value_or(0);
    if (found.by_file)
      found.jobs = snapshot.rows(sql + "AND (file_token, id) > (?1, ?2) ORDER BY file_token, id "
                                       "LIMIT ?3",
                                 {visit.parameter("after_file"), after, jobs_per_page + 1});
    else
      found.jobs =
          snapshot.rows(sql + "AND id > ?1 ORDER BY id LIMIT ?2", {after, jobs_per_page + 1});
  });
  found.has_more = std::ssize(found.jobs) > jobs_per_page;
  if (found.has_more)
    found.jobs.pop_back();
  return found;
}

Html lines_of(Reader::Snapshot& snapshot, const Visit& visit, const Row& job) {
  std::vector<Row> lines =
      snapshot.rows("SELECT substr(level, 1, 40) AS level, substr(message, 1, 500) AS message FROM "
                    "logs WHERE job_id = ?1 ORDER BY attempt DESC, seq DESC LIMIT ?2",
                    {job.integer("id"), most_lines});
  if (lines.empty())
    return html("{}", visit.t("none", "没有"));
  std::reverse(lines.begin(), lines.end());
  Html out;
  for (const Row& line : lines)
    out.put("<div>{}: {}</div>", line.text("level"), line.text("message"));
  return out;
}

Html others_of(Reader::Snapshot& snapshot, const Visit& visit, const Row& job) {
  Html out;
  for (const Row& row : snapshot.rows(
           "SELECT id, state, substr(script_name, 1, 200) AS name FROM jobs NOT INDEXED WHERE id > "
           "?1 AND id <= ?1 + ?2 AND file_token = (SELECT file_token FROM jobs WHERE id = ?1) "
           "ORDER BY id LIMIT ?3",
           {job.integer("id"), looked_at_for_others, most_others}))
    out.put("<div>{} {} {}</div>", job_link(row.integer("id")),
            state_badge(row.text("state"), visit), row.text("name"));
  if (out.empty())
    out.put("{} ", visit.t("none among the next thousand jobs", "之后的一千个作业中没有"));
  return out.put("<a href=\"{}\">{}</a>", address("/jobs", {{"file", job.text("file_token")}}),
                 visit.t("all of the file", "该文件的所有作业"));
}

Html buttons_of(const Visit& visit, const std::string& job, const std::string& back) {
  Html out =
      action_button(visit, std::string(visit.t("It ran: cancel #", "已经运行过：取消 #")) + job,
                    {{"action", "cancel"}, {"job", job}, {"back", back}});
  return out += action_button(visit, std::string(visit.t("Run again #", "再次运行 #")) + job,
                              {{"action", "rerun"}, {"job", job}, {"back", back}});
}

Html evidence_of(Reader& reader, const Visit& visit, const Row& job, const std::string& back) {
  Html lines;
  Html others;
  reader.read([&](Reader::Snapshot& snapshot) {
    lines = lines_of(snapshot, visit, job);
    others = others_of(snapshot, visit, job);
  });
  Html out;
  out.put("<h2>{} {}</h2>", job_link(job.integer("id")), job.text("name"));
  if (!job.is_null("error"))
    out.put("<p class=\"notice\">{}</p>", job.text("error"));
  out.put("<dl><dt>{}</dt><dd>{}</dd><dt>{}</dt><dd>{}</dd><dt>{}</dt><dd>{} {}</dd><dt>{}</dt>"
          "<dd>{}</dd><dt>{}</dt><dd>{}</dd></dl>",
          visit.t("File", "文件"), job.text("file_token"), visit.t("App", "应用"), job.text("app"),
          visit.t("Start sent", "发出启动"), time_of(job.text("submitted_at")),
          age_of(job.text("submitted_at"), visit), visit.t("Last log lines", "最后的日志行"), lines,
          visit.t("Jobs of the same file since", "同一文件之后的作业"), others);
  out += requests_of(reader, visit, job.integer("id"), most_requests_shown);
  return out += buttons_of(visit, job.text("id"), back);
}

Html more_link(const Found& found, const Visit& visit) {
  const Row& last = found.jobs.back();
  const std::string file = found.by_file ? last.text("file_token") : std::string();
  return html("<p><a href=\"{}\">{}</a></p>",
              address("/unconfirmed", {{"after_file", file}, {"after", last.text("id")}}),
              visit.t("Next", "下一页"));
}

Html all_buttons(const Visit& visit) {
  const auto button = [&](std::string_view label, const std::string& action) {
    return action_button(
        visit, label, {{"action", action}, {"f_state", "unconfirmed"}, {"back", "/unconfirmed"}});
  };
  Html out = button(visit.t("All have run: cancel all", "都已运行过：全部取消"), "cancel");
  return out += button(visit.t("Run all of them again", "全部再次运行"), "rerun");
}

} // namespace

Page unconfirmed_page(Reader& reader, const Visit& visit) {
  const Found found = find(reader, visit);
  const std::string back = address(visit.path, {visit.query.begin(), visit.query.end()});
  Page page;
  page.title = visit.t("Unconfirmed", "待确认");
  if (found.jobs.empty()) {
    page.parts.push_back(
        {"none", html("<p class=\"notice good\">{}</p>",
                      visit.t("No job is to be decided.", "没有需要决定的作业。"))});
    return page;
  }
  Html head = html("<p>{} {}</p>", grouped(found.unconfirmed),
                   visit.t("jobs: it is not known whether their scripts were started. Look at the "
                           "spreadsheet: if the script has run, cancel the job, else run it again.",
                           "个作业：不知道它们的脚本是否已经启动。请查看表格：如果脚本已经运行过，"
                           "就取消作业；否则再次运行。"));
  if (found.by_file)
    head.put("<p class=\"quiet\">{}</p>",
             visit.t("There are very many: they are in the order of their files.",
                     "数量很多：按文件排序。"));
  page.parts.push_back({"head", head});
  page.parts.push_back({"all", all_buttons(visit)});
  for (const Row& job : found.jobs)
    page.parts.push_back({"job-" + job.text("id"), evidence_of(reader, visit, job, back)});
  if (found.has_more)
    page.parts.push_back({"more", more_link(found, visit)});
  return page;
}

} // namespace kdq::web
