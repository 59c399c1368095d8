#include "daemon/system_clock.h"
#include "daemon/web/job_search.h"
#include "daemon/web/layout.h"
#include "daemon/web/pages.h"
#include "daemon/web/pieces.h"
#include "store/base/utf8.h"

#include <algorithm>
#include <array>

namespace kdq::web {
namespace {

constexpr std::size_t jobs_on_a_page = 50;
constexpr std::size_t shown_name_bytes = 60;
constexpr std::size_t shown_file_bytes = 16;
constexpr std::size_t shown_error_bytes = 160;

/// Texts as long as is shown of them, and one character more.
constexpr const char* columns =
    "id, state, substr(script_name, 1, 61) AS script_name, substr(file_token, 1, 1000) AS "
    "file_token, substr(app, 1, 61) AS app, created_at, submitted_at, finished_at, attempt, "
    "max_attempts, progress, substr(progress_text, 1, 61) AS progress_text, batch_id, "
    "substr(schedule, 1, 1000) AS schedule, cause, substr(error, 1, 161) AS error";

constexpr std::array<std::string_view, 8> states{"queued",      "submitting", "running",
                                                 "unconfirmed", "succeeded",  "failed",
                                                 "timed_out",   "cancelled"};
/// What cause may be (the view dead_letters says what they mean).
constexpr std::array<std::string_view, 13> causes{
    "script",  "refused", "invalid", "input",      "app",        "unconfirmed", "lost",
    "timeout", "silent",  "expired", "dependency", "superseded", "user"};

using Parameters = std::vector<std::pair<std::string, std::string>>;

Parameters with(Parameters parameters, const std::string& name, const std::string& value) {
  parameters.emplace_back(name, value);
  return parameters;
}

void put_choice(Html& out, std::string_view value, std::string_view text, bool chosen) {
  out.put(chosen ? Template("<option value=\"{}\" selected>{}</option>")
                 : Template("<option value=\"{}\">{}</option>"),
          value, text);
}

Html state_choice(const JobFilter& filter, const Visit& visit) {
  Html options;
  put_choice(options, "", visit.t("any", "全部"), filter.state.empty());
  put_choice(options, "open", visit.t("not ended", "未结束"), filter.state == "open");
  for (const std::string_view state : states)
    put_choice(options, state, state_word(state, visit), filter.state == state);
  return html("<label>{}<select name=\"state\">{}</select></label>", visit.t("State", "状态"),
              options);
}

Html cause_choice(const JobFilter& filter, const Visit& visit) {
  Html options;
  put_choice(options, "", visit.t("any", "全部"), filter.cause.empty());
  bool known = filter.cause.empty();
  for (const std::string_view cause : causes) {
    put_choice(options, cause, cause, filter.cause == cause);
    known = known || filter.cause == cause;
  }
  if (!known)
    put_choice(options, filter.cause, filter.cause, true);
  return html("<label>{}<select name=\"cause\">{}</select></label>",
              visit.t("Why it did not succeed", "未成功的原因"), options);
}

void put_field(Html& out, std::string_view label, std::string_view name, std::string_view value) {
  out.put("<label>{}<input name=\"{}\" size=\"14\" value=\"{}\"></label>", label, name, value);
}

/// `time` is as the database writes it.
void put_time_field(Html& out, std::string_view label, std::string_view name, std::string time) {
  if (!time.empty())
    time[10] = 'T';
  out.put("<label>{}<input type=\"datetime-local\" step=\"any\" name=\"{}\" value=\"{}\"></label>",
          label, name, time);
}

Html form_of(const JobFilter& filter, const Visit& visit) {
  Html fields = state_choice(filter, visit);
  put_field(fields, visit.t("Name", "名称"), "script", filter.script_name);
  put_field(fields, visit.t("File", "文件"), "file", filter.file_token);
  put_field(fields, visit.t("App", "应用"), "app", filter.app);
  put_field(fields, visit.t("Error has", "错误包含"), "error", filter.error);
  fields += cause_choice(filter, visit);
  put_field(fields, visit.t("Schedule", "定时"), "schedule", filter.schedule);
  fields.put("<label>{}<input type=\"number\" min=\"1\" name=\"batch\" value=\"{}\"></label>",
             visit.t("Batch", "批次"), filter.batch ? std::to_string(*filter.batch) : "");
  put_time_field(fields, visit.t("Created from (UTC)", "创建时间起（UTC）"), "since", filter.since);
  put_time_field(fields, visit.t("Created before (UTC)", "创建时间止（UTC，不含）"), "until",
                 filter.until);
  put_time_field(fields, visit.t("Ended from (UTC)", "结束时间起（UTC）"), "ended_since",
                 filter.ended_since);
  return html("<form class=\"filter\" method=\"get\" action=\"/jobs\">{}<button>{}</button> "
              "<a href=\"/jobs\">{}</a></form>",
              fields, visit.t("Filter", "筛选"), visit.t("All jobs", "全部作业"));
}

/// Changes of all jobs of the filter, as far as its state can have such.
Html actions_of(const JobFilter& filter, const Visit& visit) {
  const auto button = [&](const char* action, std::string_view label) {
    Parameters fields{{"action", action}};
    for (const auto& [name, value] : filter.parameters())
      fields.emplace_back("f_" + name, value);
    fields.emplace_back("back", address("/jobs", filter.parameters()));
    return action_button(visit, label, fields);
  };
  const std::string& state = filter.state;
  // What has not ended has neither a cause nor an end.
  const bool may_be_open = filter.cause.empty() && filter.ended_since.empty();
  const bool can_run = state.empty() || (state == "unconfirmed" && may_be_open) ||
                       state == "failed" || state == "timed_out" || state == "cancelled";
  const bool can_cancel =
      may_be_open && (state.empty() || state == "open" || state == "queued" ||
                      state == "submitting" || state == "running" || state == "unconfirmed");
  Html out;
  if (can_run)
    out += button("rerun", state.empty() ? visit.t("Run all of these that failed again …",
                                                   "重新运行其中失败的…")
                                         : visit.t("Run all of these again …", "全部重新运行…"));
  if (can_cancel)
    out += button("cancel", visit.t("Cancel all of these …", "全部取消…"));
  return out;
}

Html run_time_of(const Row& row, const Visit& visit) {
  const auto from = parse_time(row.text("submitted_at"));
  const auto to = row.is_null("finished_at") ? visit.now : parse_time(row.text("finished_at"));
  if (!from || !to)
    return html("–");
  return html("{}", span_text(*to - *from));
}

Html progress_in_list(const Row& row, const Visit& visit) {
  if (row.is_null("progress"))
    return {};
  return html("{} {}", progress_bar(row.integer("progress"), visit.t("Progress", "进度")),
              shortened(row.text("progress_text"), shown_name_bytes));
}

/// A value that leads to the jobs that have the same.
Html same_link(const char* parameter, const std::string& value, const std::string& shown) {
  if (value.empty())
    return html("–");
  return html("<a href=\"{}\">{}</a>", address("/jobs", {{parameter, value}}), shown);
}

void put_job(Html& out, const Row& row, const Visit& visit) {
  const std::string batch = row.text("batch_id");
  out.put("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td>", job_link(row.integer("id")),
          state_badge(row.text("state"), visit),
          shortened(row.text("script_name"), shown_name_bytes));
  out.put("<td class=\"wide\">{} {}</td>", progress_in_list(row, visit),
          shortened(row.text("error"), shown_error_bytes));
  out.put("<td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>",
          same_link("file", row.text("file_token"),
                    shortened(row.text("file_token"), shown_file_bytes)),
          shortened(row.text("app"), shown_name_bytes), time_of(row.text("created_at")),
          time_of(row.text("submitted_at")), time_of(row.text("finished_at")));
  out.put("<td class=\"number\">{}</td><td class=\"number\">{} / {}</td>", run_time_of(row, visit),
          row.text("attempt"), row.text("max_attempts"));
  out.put("<td>{}</td><td>{}</td></tr>", same_link("batch", batch, batch),
          same_link("schedule", row.text("schedule"),
                    shortened(row.text("schedule"), shown_name_bytes)));
}

Html table_of(const std::vector<Row>& rows, const Visit& visit) {
  Html body;
  for (const Row& row : rows)
    put_job(body, row, visit);
  return table(visit.t("Jobs", "作业"),
               {{visit.t("Job", "作业")},
                {visit.t("State", "状态")},
                {visit.t("Name", "名称")},
                {visit.t("Progress, error", "进度、错误")},
                {visit.t("File", "文件")},
                {visit.t("App", "应用")},
                {visit.t("Created", "创建")},
                {visit.t("Started", "启动")},
                {visit.t("Finished", "结束")},
                {visit.t("Run time", "运行时长")},
                {visit.t("Attempt", "次数")},
                {visit.t("Batch", "批次")},
                {visit.t("Schedule", "定时")}},
               body, "jobs");
}

/// What part of the list this is.
struct ListPlace {
  std::optional<std::int64_t> before, after;
  bool is_first() const { return !before && !after; }
};

Html count_of(const JobSearch& jobs, const ListPlace& place, std::size_t found,
              const Visit& visit) {
  std::string count;
  if (jobs.count() && *jobs.count() > JobSearch::most_counted)
    count = std::string(visit.t("more than ", "超过 ")) + grouped(JobSearch::most_counted);
  else if (jobs.count())
    count = grouped(*jobs.count());
  else if (place.is_first() && jobs.is_at_end() && found <= jobs_on_a_page)
    count = grouped(static_cast<std::int64_t>(found));
  if (count.empty())
    return {};
  return html("<p>{}{}</p>", visit.t("Jobs of this filter: ", "符合条件的作业："), count);
}

/// Links to the pages before and behind. The search may have been left before it was at the end.
Html links_of(const std::vector<Row>& rows, bool more, bool left, const JobSearch& jobs,
              const ListPlace& place, const JobFilter& filter, const Visit& visit) {
  Html out;
  const auto put = [&](const char* name, std::int64_t id, const std::string& text) {
    out.put("<li><a href=\"{}\">{}</a></li>",
            address("/jobs", with(filter.parameters(), name, std::to_string(id))), text);
  };
  const bool upwards = place.after.has_value();
  if (!place.is_first())
    out.put("<li><a href=\"{}\">{}</a></li>", address("/jobs", filter.parameters()),
            visit.t("Newest", "最新"));
  if (upwards ? more : place.before && !rows.empty())
    put("after", rows.front().integer("id"), std::string(visit.t("Newer", "较新")));
  if (upwards ? !rows.empty() : more)
    put("before", rows.back().integer("id"), std::string(visit.t("Older", "较旧")));
  if (left)
    put(upwards ? "after" : "before", jobs.place(),
        std::string(visit.t("Search on from #", "继续搜索：从 #")) + std::to_string(jobs.place()) +
            std::string(visit.t("", " 起")));
  if (out.empty())
    return out;
  return html("<nav aria-label=\"{}\"><ul>{}</ul></nav>", visit.t("Pages of the list", "列表分页"),
              out);
}

Html list_of(Reader& reader, const JobFilter& filter, const ListPlace& place, const Visit& visit,
             const Clock& clock) {
  JobSearch jobs(filter, place.after ? JobSearch::Direction::newer : JobSearch::Direction::older,
                 place.after ? place.after : place.before);
  std::vector<Row> rows = search(jobs, reader, columns, jobs_on_a_page + 1, clock);
  const std::size_t found = rows.size();
  const bool more = found > jobs_on_a_page;
  const bool left = !more && !jobs.is_at_end();
  if (more)
    rows.pop_back();
  if (place.after)
    std::reverse(rows.begin(), rows.end());
  Html out = count_of(jobs, place, found, visit);
  if (!rows.empty())
    out += table_of(rows, visit);
  else if (!left)
    out.put("<p>{}</p>", visit.t("There are no such jobs.", "没有这样的作业。"));
  if (left)
    out.put(
        "<p class=\"notice\">{}{}{}</p>",
        visit.t("There are many jobs: they were searched as far as #", "作业很多：目前搜索到 #"),
        jobs.place(), visit.t(".", "。"));
  return out += links_of(rows, more, left, jobs, place, filter, visit);
}

/// For whoever goes on with the same jobs elsewhere.
Html elsewhere(const JobFilter& filter, const Visit& visit) {
  const std::string sql =
      "SELECT id, state, script_name, file_token, app, created_at, submitted_at, finished_at, "
      "attempt, progress, batch_id, schedule, cause, error\nFROM jobs WHERE " +
      filter.literal_condition() + "\nORDER BY id DESC LIMIT " + std::to_string(jobs_on_a_page) +
      ";";
  return html("<details><summary>{}</summary><pre id=\"sql\">{}</pre><button data-copy=\"sql\" "
              "hidden>{}</button></details><p><a href=\"{}\">CSV</a> · <a href=\"{}\">JSON</a></p>",
              visit.t("The same in SQL", "等价的 SQL"), sql, visit.t("Copy", "复制"),
              address("/jobs.csv", filter.parameters()),
              address("/jobs.json", filter.parameters()));
}

} // namespace

Page jobs_page(Reader& reader, const Visit& visit, const Clock& clock) {
  const JobFilter filter = JobFilter::of(visit);
  ListPlace place{visit.number("before"), visit.number("after")};
  if (place.before)
    place.after.reset();
  Page page;
  page.title = visit.t("Jobs", "作业");
  page.live = place.is_first();
  page.parts.push_back({"filter", form_of(filter, visit)});
  if (visit.may_act)
    page.parts.push_back({"actions", actions_of(filter, visit)});
  page.parts.push_back({"jobs", list_of(reader, filter, place, visit, clock)});
  page.parts.push_back({"elsewhere", elsewhere(filter, visit)});
  return page;
}

Page jobs_page(Reader& reader, const Visit& visit) {
  return jobs_page(reader, visit, SystemClock());
}

} // namespace kdq::web
