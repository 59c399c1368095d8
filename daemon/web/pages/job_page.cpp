#include "daemon/web/layout.h"
#include "daemon/web/pages.h"
#include "daemon/web/pages/job_parts.h"
#include "daemon/web/pieces.h"
#include "store/base/utf8.h"

#include <algorithm>

namespace kdq::web {
namespace {

constexpr int most_requests = 50;

/// Long texts are in front of `script`, but some may be very long themselves.
constexpr std::string_view select_job =
    "SELECT id, state, substr(file_token, 1, 1000) AS file_token, substr(script_name, 1, 1000) AS "
    "script_name, substr(app, 1, 200) AS app, substr(class, 1, 200) AS class, priority, run_at, "
    "expires_at, batch_id, substr(unique_key, 1, 1000) AS unique_key, substr(schedule, 1, 1000) AS "
    "schedule, scheduled_at, max_attempts, timeout_s, on_unconfirmed, created_at, attempt, "
    "substr(remote_status, 1, 200) AS remote_status, "
    "substr(error, 1, 20000) AS error, polls, log_gaps, progress, substr(progress_text, 1, 1000) "
    "AS "
    "progress_text, substr(cause, 1, 200) AS cause, submitted_at, reported_at, finished_at, "
    "EXISTS (SELECT 1 FROM pauses WHERE scope = 'file' AND key = file_token) AS is_paused, "
    "(SELECT until FROM watches WHERE job_id = id AND until > strftime('%Y-%m-%d %H:%M:%f', "
    "'now')) AS watched_until, EXISTS (SELECT 1 FROM logs WHERE job_id = id) AS has_lines "
    "FROM jobs WHERE id = ?1";

bool is_one_of(std::string_view state, std::initializer_list<std::string_view> states) {
  return std::find(states.begin(), states.end(), state) != states.end();
}

bool runs(std::string_view state) {
  return is_one_of(state, {"submitting", "running"});
}

class Facts {
public:
  void put(std::string_view name, const Html& value) {
    list_.put("<dt>{}</dt><dd>{}</dd>", name, value);
  }
  /// Only where there is a value.
  void put_text(std::string_view name, std::string_view text) {
    if (!text.empty())
      put(name, html("{}", text));
  }
  void put_time(std::string_view name, std::string_view time, const Visit& visit) {
    if (!time.empty())
      put(name, html("{} {}", time_of(time), age_of(time, visit)));
  }
  void put_link(std::string_view name, std::string_view text, const std::string& target) {
    if (!text.empty())
      put(name, html("<a href=\"{}\">{}</a>", target, text));
  }
  Html list() const { return html("<dl>{}</dl>", list_); }

private:
  Html list_;
};

Html progress_of(const Row& job, const Visit& visit) {
  return html("{} {}", progress_bar(job.integer("progress"), visit.t("Progress", "进度")),
              job.text("progress_text"));
}

Html run_time_of(const Row& job, std::optional<std::chrono::milliseconds> usual,
                 const Visit& visit) {
  const auto begun = parse_time(job.text("submitted_at"));
  const auto ended = runs(job.text("state")) ? visit.now : parse_time(job.text("finished_at"));
  Html out;
  if (begun && ended)
    out.put("{}", span_text(*ended - *begun));
  if (usual)
    out.put(" <span class=\"quiet\">({} {})</span>", visit.t("usually", "通常"), span_text(*usual));
  return out;
}

Html state_of(const Row& job, const Visit& visit) {
  Html out = state_badge(job.text("state"), visit);
  if (!job.is_null("cause"))
    out.put(" {} <code>{}</code>", visit.t("cause", "原因"), job.text("cause"));
  return out;
}

Html facts_of(const Row& job, std::optional<std::chrono::milliseconds> usual, const Visit& visit) {
  Facts facts;
  facts.put(visit.t("State", "状态"), state_of(job, visit));
  if (!job.is_null("progress"))
    facts.put(visit.t("Progress", "进度"), progress_of(job, visit));
  if (const Html span = run_time_of(job, usual, visit); !span.empty())
    facts.put(visit.t("Run time", "运行时间"), span);
  facts.put_text(visit.t("Name", "名称"), job.text("script_name"));
  facts.put_link(visit.t("File", "文件"), job.text("file_token"),
                 address("/jobs", {{"file", job.text("file_token")}}));
  facts.put_link(visit.t("App", "应用"), job.text("app"),
                 address("/jobs", {{"app", job.text("app")}}));
  facts.put_text(visit.t("Class", "类别"), job.text("class"));
  facts.put_text(visit.t("Priority", "优先级"), job.text("priority"));
  facts.put_link(visit.t("Batch", "批次"), job.text("batch_id"),
                 address("/jobs", {{"batch", job.text("batch_id")}}));
  facts.put_link(visit.t("Schedule", "定时"), job.text("schedule"),
                 address("/jobs", {{"schedule", job.text("schedule")}}));
  facts.put_time(visit.t("For the time", "对应时间"), job.text("scheduled_at"), visit);
  facts.put_time(visit.t("Created", "创建"), job.text("created_at"), visit);
  facts.put_time(visit.t("Not before", "不早于"), job.text("run_at"), visit);
  facts.put_time(visit.t("Expires", "过期"), job.text("expires_at"), visit);
  facts.put_time(visit.t("Started", "启动"), job.text("submitted_at"), visit);
  facts.put_time(visit.t("Last report", "最近报告"), job.text("reported_at"), visit);
  facts.put_time(visit.t("Ended", "结束"), job.text("finished_at"), visit);
  facts.put(visit.t("Attempt", "尝试"), html("{} {} {}", job.integer("attempt"),
                                             visit.t("of", "/ 最多"), job.integer("max_attempts")));
  facts.put_text(visit.t("Status requests", "状态查询次数"), job.text("polls"));
  if (job.integer("log_gaps") > 0)
    facts.put_text(visit.t("Gaps in the log", "日志缺口"), job.text("log_gaps"));
  if (!job.is_null("timeout_s"))
    facts.put_text(visit.t("Timeout", "超时"),
                   span_text(std::chrono::seconds(
                       std::clamp<std::int64_t>(job.integer("timeout_s"), 0, 2'592'000))));
  facts.put_text(visit.t("Unique key", "唯一键"), job.text("unique_key"));
  facts.put_text(visit.t("If the reply to its start is lost", "启动回复丢失时"),
                 job.text("on_unconfirmed"));
  facts.put_text(visit.t("KDocs' last word", "KDocs 最近的状态"), job.text("remote_status"));
  return facts.list();
}

/// Why it waits; nothing if it does not.
Html waiting_of(Reader& reader, const Visit& visit, std::int64_t job) {
  Html out;
  reader.read([&](Reader::Snapshot& snapshot) {
    const auto row = snapshot.row(
        "SELECT substr(reason, 1, 20000) AS reason, expected_at FROM waiting WHERE job_id = ?1",
        {job});
    if (!row)
      return;
    out.put("<p class=\"notice\"><strong>{}</strong> {}", visit.t("It waits:", "等待中："),
            row->text("reason"));
    if (!row->is_null("expected_at"))
      out.put(" {} {} {}", visit.t("Expected to start:", "预计启动："),
              time_of(row->text("expected_at")), age_of(row->text("expected_at"), visit));
    out.put("</p>");
  });
  return out;
}

Html head_of(Reader& reader, const Visit& visit, const Row& job) {
  Html out;
  const std::string state = job.text("state");
  const Html waits = is_one_of(state, {"queued", "unconfirmed"})
                         ? waiting_of(reader, visit, job.integer("id"))
                         : Html();
  if (!job.is_null("error") && state != "unconfirmed") // there it is why it waits
    out.put("<p class=\"notice {}\"><strong>{}</strong> {}</p>",
            std::string_view(is_one_of(state, {"failed", "timed_out"}) ? "bad" : ""),
            visit.t("Error:", "错误："), job.text("error"));
  out += waits;
  return out += facts_of(job, usual_run_time(reader, job.integer("id")), visit);
}

Html actions_of(const Visit& visit, const Row& job) {
  const std::string state = job.text("state");
  const std::string id = job.text("id");
  const std::string back = "/jobs/" + id;
  const auto button = [&](std::string_view label, const std::string& action) {
    return action_button(visit, label, {{"action", action}, {"job", id}, {"back", back}});
  };
  Html out;
  if (is_one_of(state, {"failed", "timed_out", "cancelled"}))
    out += button(visit.t("Run again", "重新运行"), "rerun");
  if (state == "unconfirmed") {
    out += button(visit.t("It ran: cancel it", "已经运行过：取消"), "cancel");
    out += button(visit.t("Run it again", "再次运行"), "rerun");
  }
  if (runs(state))
    out += button(visit.t("Ask more often", "更频繁地查询"), "watch");
  if (is_one_of(state, {"queued", "submitting", "running"}))
    out += button(visit.t("Cancel", "取消"), "cancel");
  if (job.is_null("finished_at"))
    out += action_button(visit,
                         job.integer("is_paused") ? visit.t("Go on with its file", "恢复该文件")
                                                  : visit.t("Pause its file", "暂停该文件"),
                         {{"action", job.integer("is_paused") ? "resume" : "pause"},
                          {"scope", "file"},
                          {"key", job.text("file_token")},
                          {"back", back}});
  return out;
}

Html log_head(const Visit& visit, const Row& job) {
  Html out = html("<h2 id=\"log-head\">{}</h2>", visit.t("Log", "日志"));
  if (runs(job.text("state")) && !job.is_null("watched_until"))
    out.put("<p class=\"quiet\">{} {}</p>",
            visit.t("It is asked for more often until", "更频繁地查询，直到"),
            time_of(job.text("watched_until")));
  if (!job.integer("has_lines"))
    out.put("<p class=\"quiet\">{}</p>", visit.t("No lines yet.", "还没有日志行。"));
  return out;
}

/// Whether a watch would end within five minutes, or there is none.
bool wants_watch(const Visit& visit, const Row& job) {
  const auto until = parse_time(job.text("watched_until"));
  return visit.may_act && runs(job.text("state")) &&
         (!until || *until < visit.now + std::chrono::minutes(5));
}

} // namespace

Page job_page(Reader& reader, const Visit& visit, std::int64_t id) {
  if (!visit.parameter("line").empty())
    return log_line_page(reader, visit, id);
  std::optional<Row> job;
  reader.read([&](Reader::Snapshot& snapshot) { job = snapshot.row(select_job, {id}); });
  if (!job)
    return message_page(404, visit.t("Not found", "未找到"),
                        visit.t("There is no such job.", "没有这个作业。"));
  Page page;
  page.title = std::string(visit.t("Job ", "作业 ")) + std::to_string(id);
  if (const std::string name = job->text("script_name"); !name.empty())
    page.title += ": " + shortened(name, 80);
  LogPart log = log_part(reader, visit, id);
  page.live = visit.parameter("log_before").empty();
  page.place = log.place;
  if (wants_watch(visit, *job))
    page.to_watch = id;
  page.parts.push_back({"head", head_of(reader, visit, *job)});
  page.parts.push_back({"actions", actions_of(visit, *job)});
  page.parts.push_back({"needs", needs_of(reader, visit, id)});
  page.parts.push_back({"result", result_of(reader, visit, id)});
  page.parts.push_back({"log-state", log_head(visit, *job)});
  page.parts.push_back({"log", std::move(log.content), page.live});
  page.parts.push_back({"script", script_of(reader, visit, id)});
  page.parts.push_back({"requests", html("<h2>{}</h2>{}", visit.t("Requests", "请求"),
                                         requests_of(reader, visit, id, most_requests))});
  return page;
}

} // namespace kdq::web
