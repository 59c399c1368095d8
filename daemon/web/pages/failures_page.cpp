#include "daemon/web/layout.h"
#include "daemon/web/pages.h"
#include "daemon/web/pieces.h"

#include <array>
#include <chrono>
#include <map>

namespace kdq::web {
namespace {

constexpr std::int64_t most_counted = 10'000;
constexpr std::int64_t newest_by_app = 200; // of each cause: their apps are in the rows only
constexpr std::int64_t most_examples = 3;
constexpr std::size_t most_causes = 40;

constexpr std::array cause_words{
    Word{"script", "its script failed", "脚本执行失败"},
    Word{"refused", "KDocs refuses it: the file, the permission or the script",
         "金山文档拒绝：文件、权限或脚本有问题"},
    Word{"invalid", "it cannot be sent: script or argv is no UTF-8, or too long",
         "无法发送：script 或 argv 不是 UTF-8，或者太长"},
    Word{"input", "with the results that it gets (pass_as) it is too long",
         "加上其他作业传入的结果（pass_as）后太长"},
    Word{"app", "its app is not configured", "它的应用没有配置"},
    Word{"unconfirmed", "the reply to its start was lost, and on_unconfirmed is fail",
         "启动的回复丢失，而 on_unconfirmed 是 fail"},
    Word{"lost", "KDocs does not know the running script any more; it may have done its work",
         "金山文档已不认得这个运行中的脚本；它可能已经完成工作"},
    Word{"timeout", "it still ran after timeout_s, and may go on",
         "超过 timeout_s 仍在运行，可能还在继续"},
    Word{"silent", "KDocs did not say after timeout_s whether it still ran",
         "超过 timeout_s 后金山文档没有说明它是否仍在运行"},
    Word{"expired", "expires_at passed before it could be started", "启动之前已过 expires_at"},
    Word{"dependency", "what it needs has ended otherwise", "它依赖的作业没有按要求结束"},
    Word{"superseded", "a newer job has taken its place", "被更新的作业取代"},
    Word{"user", "a user has ended it", "被用户结束"},
};

/// A span that is looked at, by its name in the address.
struct Span {
  std::string_view name, english, chinese;
  std::chrono::hours hours;
};
constexpr std::array spans{
    Span{"day", "last day", "最近一天", std::chrono::hours(24)},
    Span{"week", "last week", "最近一周", std::chrono::hours(24 * 7)},
    Span{"all", "all", "全部", std::chrono::hours(0)},
};

const Span& span_of(const Visit& visit) {
  for (const Span& span : spans)
    if (span.name == visit.parameter("span"))
      return span;
  return spans.front();
}

Html span_links(const Visit& visit, const Span& shown) {
  Html out;
  out.put("<p>");
  for (const Span& span : spans) {
    const std::string_view name = visit.t(span.english, span.chinese);
    if (&span == &shown)
      out.put("<strong>{}</strong> ", name);
    else
      out.put("<a href=\"{}\">{}</a> ", address("/failures", {{"span", std::string(span.name)}}),
              name);
  }
  return out.put("</p>");
}

/// All words in jobs.cause, by the index: each step is one look.
std::vector<std::string> causes_in(Reader::Snapshot& snapshot) {
  std::vector<std::string> causes;
  std::string last;
  while (causes.size() < most_causes) {
    const auto row = snapshot.row("SELECT cause FROM jobs INDEXED BY jobs_cause WHERE cause IS NOT "
                                  "NULL AND cause > ?1 ORDER BY cause LIMIT 1",
                                  {last});
    if (!row)
      break;
    last = row->text("cause");
    causes.push_back(last);
  }
  return causes;
}

struct Failures {
  std::string cause;
  std::int64_t count = 0; ///< one more than most_counted: there are more
  std::vector<Row> examples;
  std::map<std::string, std::int64_t> by_app; ///< of the newest
};

/// The newest of a cause, of each of the two states: so the index has them in order.
std::string newest(std::string_view columns, std::string_view limit) {
  std::string sql;
  for (const std::string_view state : {"failed", "timed_out"}) {
    if (!sql.empty())
      sql += " UNION ALL ";
    sql += "SELECT * FROM (SELECT ";
    sql += columns;
    sql += " FROM jobs INDEXED BY jobs_cause WHERE cause IS NOT NULL AND cause = ?1 AND state = '";
    sql += state;
    sql += "' AND finished_at >= ?2 ORDER BY finished_at DESC LIMIT ";
    sql += limit;
    sql += ")";
  }
  return sql;
}

Failures failures_of(Reader& reader, const std::string& cause, const std::string& since) {
  Failures found;
  found.cause = cause;
  reader.read([&](Reader::Snapshot& snapshot) {
    found.count = snapshot
                      .row("SELECT count(*) AS jobs FROM (SELECT 1 FROM jobs INDEXED BY jobs_cause "
                           "WHERE cause IS NOT NULL AND cause = ?1 AND state IN ('failed', "
                           "'timed_out') AND finished_at >= ?2 LIMIT ?3)",
                           {cause, since, most_counted + 1})
                      ->integer("jobs");
    if (found.count == 0)
      return;
    found.examples = snapshot.rows(
        "SELECT * FROM (" +
            newest("id, substr(script_name, 1, 200) AS name, substr(error, 1, 2000) AS error, "
                   "substr(app, 1, 200) AS app, finished_at",
                   "?3") +
            ") ORDER BY finished_at DESC LIMIT ?3",
        {cause, since, most_examples});
  });
  if (found.count > 0)
    reader.read([&](Reader::Snapshot& snapshot) {
      for (const Row& row :
           snapshot.rows("SELECT app, count(*) AS jobs FROM (" +
                             newest("substr(app, 1, 200) AS app", "?3") + ") GROUP BY app LIMIT 50",
                         {cause, since, newest_by_app}))
        found.by_app[row.text("app")] = row.integer("jobs");
    });
  return found;
}

std::string count_text(std::int64_t count) {
  return count > most_counted ? "> " + grouped(most_counted) : grouped(count);
}

std::string list_address(const std::string& cause, const std::string& app,
                         const std::string& since) {
  return address("/jobs", {{"cause", cause}, {"app", app}, {"ended_since", since}});
}

Html examples_of(const Failures& failures, const Visit& visit) {
  Html out;
  out.put("<ul>");
  for (const Row& job : failures.examples)
    out.put("<li>{} {} <span class=\"quiet\">{} {}</span>: {}</li>", job_link(job.integer("id")),
            job.text("name"), time_of(job.text("finished_at")),
            age_of(job.text("finished_at"), visit), job.text("error"));
  return out.put("</ul>");
}

Html section_of(const Failures& failures, const Visit& visit, const std::string& since,
                const std::string& back) {
  Html out;
  out.put("<h2><code>{}</code>: {}</h2><p>{}</p>", failures.cause, count_text(failures.count),
          translated(cause_words, failures.cause, visit));
  out += examples_of(failures, visit);
  out.put("<p><a href=\"{}\">{}</a></p>", list_address(failures.cause, {}, since),
          visit.t("All jobs of this cause and time", "此原因在这段时间内的所有作业"));
  return out += action_button(visit,
                              std::string(visit.t("Run all of them again: ", "全部重新运行：")) +
                                  failures.cause,
                              {{"action", "rerun"},
                               {"f_cause", failures.cause},
                               {"f_ended_since", since},
                               {"back", back}});
}

Html by_app(const std::vector<Failures>& all, const Visit& visit, const std::string& since) {
  Html rows;
  std::map<std::string, std::vector<const Failures*>> apps;
  for (const Failures& failures : all)
    for (const auto& [app, jobs] : failures.by_app)
      apps[app].push_back(&failures);
  for (const auto& [app, causes] : apps)
    for (const Failures* failures : causes)
      rows.put("<tr><th scope=\"row\">{}</th><td><a href=\"{}\">{}</a></td><td "
               "class=\"number\">{}</td></tr>",
               app, list_address(failures->cause, app, since), failures->cause,
               grouped(failures->by_app.at(app)));
  return html(
      "<h2>{}</h2>{}<p class=\"quiet\">{}</p>", visit.t("By app", "按应用"),
      table(
          visit.t("Failures by app", "按应用统计的失败"),
          {{visit.t("App", "应用")}, {visit.t("Cause", "原因")}, {visit.t("Jobs", "作业数"), true}},
          rows),
      visit.t("Of the newest 200 of each cause and state.",
              "仅统计每种原因和状态中最新的 200 个。"));
}

} // namespace

Page failures_page(Reader& reader, const Visit& visit) {
  const Span& span = span_of(visit);
  const std::string since =
      span.hours.count() == 0 ? std::string() : to_text(visit.now - span.hours);
  std::vector<std::string> causes;
  reader.read([&](Reader::Snapshot& snapshot) { causes = causes_in(snapshot); });
  std::vector<Failures> all;
  for (const std::string& cause : causes)
    if (Failures failures = failures_of(reader, cause, since); failures.count > 0)
      all.push_back(std::move(failures));
  Page page;
  page.title = visit.t("Failures", "失败");
  page.parts.push_back({"spans", span_links(visit, span)});
  if (all.empty()) {
    page.parts.push_back({"none", html("<p class=\"notice good\">{}</p>",
                                       visit.t("No job has failed or timed out in this time.",
                                               "这段时间内没有失败或超时的作业。"))});
    return page;
  }
  const std::string back = address("/failures", {{"span", std::string(span.name)}});
  Html sections;
  for (const Failures& failures : all)
    sections += section_of(failures, visit, since, back);
  page.parts.push_back({"causes", sections});
  page.parts.push_back({"apps", by_app(all, visit, since)});
  return page;
}

} // namespace kdq::web
