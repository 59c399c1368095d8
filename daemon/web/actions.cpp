#include "daemon/web/actions.h"

#include "daemon/system_clock.h"
#include "daemon/web/job_filter.h"
#include "daemon/web/job_search.h"
#include "daemon/web/pieces.h"
#include "store/job_changes.h"
#include "store/job_client.h"

#include <exception>

namespace kdq::web {
namespace {

constexpr std::int64_t most_counted = JobSearch::most_counted;
/// A person waits for a count so long at most.
constexpr std::chrono::seconds counting_time{2};

Actions::Answer shows(Page page) {
  return {{}, std::move(page)};
}

Actions::Answer says(int status, std::string_view title, std::string_view text) {
  return shows(message_page(status, title, text));
}

/// Where the form came from, or else `other`.
std::string back_of(const Visit& form, const std::string& other) {
  if (form.parameter("back").empty())
    return other;
  const Target target = target_of(form.parameter("back"));
  return target.address();
}

Actions::Answer no_such_job(const Visit& form) {
  return says(404, form.t("Not found", "未找到"),
              form.t("There is no such job.", "没有这个作业。"));
}

Html back_link(const Visit& form) {
  return html("<p><a href=\"{}\">{}</a></p>", back_of(form, "/jobs"), form.t("Back", "返回"));
}

/// The filter of the form, and what is to become of its jobs.
struct Order {
  JobFilter filter;
  JobState state = JobState::queued;
  /// Only these become that. Which have ended otherwise than they should are run again; those that
  /// were cancelled or may have run only if the filter names them.
  std::vector<std::string> states;
  /// And only these: of jobs that are to run again those that had ended when that was asked. Which
  /// have run again since then, and ended once more, are others.
  std::int64_t up_to = 0;
  std::string asked_at; ///< UTC, as the database writes it

  bool reruns() const { return state == JobState::queued; }
  /// What is added to the filter, all but the bound of the ids.
  std::string condition() const {
    std::string list;
    for (const std::string& one : states)
      list += (list.empty() ? "'" : ", '") + one + "'";
    return " AND state IN (" + list + ")" +
           (reruns() ? " AND coalesce(finished_at, '') <= '" + asked_at + "'" : "");
  }
};

Order order_of(const Visit& form) {
  Visit visit = form;
  visit.query.clear();
  for (const auto& [name, value] : form.query)
    if (name.starts_with("f_"))
      visit.query.insert_or_assign(name.substr(2), value);
  Order order;
  order.filter = JobFilter::of(visit);
  if (form.parameter("action") == "cancel") {
    order.state = JobState::cancelled;
    order.states = {"queued", "submitting", "running", "unconfirmed"};
  } else if (order.filter.state == "cancelled" || order.filter.state == "unconfirmed") {
    order.states = {order.filter.state};
  } else {
    order.states = {"failed", "timed_out"};
  }
  return order;
}

JobSelection selection_of(const Order& order) {
  JobSelection selection;
  selection.condition = "(" + order.filter.condition(selection.bound) + ")" + order.condition();
  return selection;
}

/// How many jobs it would change, up to one more than most_counted; nothing: it takes too long to
/// count them.
std::optional<std::int64_t> count_of(const Order& order, Reader& reader) try {
  const SystemClock clock;
  const SteadyTime until = clock.steady() + counting_time;
  std::int64_t count = 0;
  for (const std::string& state : order.states) {
    JobFilter filter = order.filter;
    if (filter.state != state && !filter.state.empty() && filter.state != "open")
      continue;
    if (filter.state == "open" && order.reruns())
      continue;
    filter.state = state; // so that an index finds them
    JobSearch jobs(filter, JobSearch::Direction::older, order.up_to + 1);
    while (count <= most_counted && !jobs.is_at_end()) {
      if (clock.steady() >= until)
        return std::nullopt;
      for (const Row& job : jobs.next(reader, "id, finished_at", most_counted + 1 - count))
        count += order.reruns() && job.text("finished_at") > order.asked_at ? 0 : 1;
    }
  }
  return count;
} catch (const ReadTooLong&) {
  return std::nullopt;
}

/// The form once more, with what is confirmed.
Html confirm_button(const Visit& form, const Order& order, std::string_view label,
                    std::int64_t count, std::int64_t up_to) {
  std::vector<std::pair<std::string, std::string>> fields{
      {"action", form.parameter("action")}, {"confirm", "1"},
      {"up_to", std::to_string(up_to)},     {"asked_at", order.asked_at},
      {"count", std::to_string(count)},     {"back", form.parameter("back")}};
  for (const auto& [name, value] : order.filter.parameters())
    fields.emplace_back("f_" + name, value);
  return action_button(form, label, fields);
}

std::string_view title_of(const Visit& form, const Order& order) {
  return order.reruns() ? form.t("Run many jobs again", "批量重新运行")
                        : form.t("Cancel many jobs", "批量取消");
}

std::string_view warning_of(const Visit& form, const Order& order) {
  if (order.state == JobState::cancelled)
    return form.t("Those that wait will not be started. Scripts that run now go on in KDocs, but "
                  "nobody follows them: their further log lines and results are not fetched.",
                  "等待中的作业不会再启动。正在运行的脚本会在金山文档里继续运行，但不再跟踪："
                  "后续日志和结果不会再获取。");
  return form.t("Their scripts are started once more, with all that they do to the spreadsheets, "
                "and use up starts of the day.",
                "这些脚本会再启动一次，对表格的所有改动都会重新发生，并占用当天的启动次数。");
}

std::string count_words(const Visit& form, std::optional<std::int64_t> count) {
  if (!count)
    return std::string(form.t("an unknown number of jobs (there are too many to be counted)",
                              "数量未知的作业（太多，无法计数）"));
  if (*count > most_counted)
    return std::string(form.t("more than ", "超过 ")) + grouped(most_counted) +
           std::string(form.t(" jobs", " 个作业"));
  return grouped(*count) +
         std::string(*count == 1 ? form.t(" job", " 个作业") : form.t(" jobs", " 个作业"));
}

} // namespace

Actions::Answer Actions::act(const Visit& form) {
  if (!form.may_act)
    return says(403, form.t("Not allowed", "不允许"),
                form.t("This page only shows the queue: kdocs-queued-web was started without "
                       "--allow-actions.",
                       "此页面只用于查看：kdocs-queued-web 启动时没有使用 --allow-actions。"));
  try {
    return change(form);
  } catch (const JobRefused& refusal) {
    Answer answer =
        says(409, form.t("The database refuses it", "数据库拒绝了此操作"), refusal.what());
    answer.page.parts.push_back({"back", back_link(form)});
    return answer;
  } catch (const std::exception& trouble) {
    return says(503, form.t("It could not be done", "操作未能完成"), trouble.what());
  }
}

Actions::Answer Actions::change(const Visit& form) {
  const std::string action = form.parameter("action");
  if (action == "rerun" || action == "cancel" || action == "watch") {
    if (const auto job = form.number("job"))
      return change_job(form, *job);
    if (action != "watch" && form.parameter("job").empty())
      return change_many(form);
    return no_such_job(form);
  }
  if (action == "pause" || action == "resume")
    return pause(form, action == "resume");
  if (action == "run_schedule")
    return run_schedule(form);
  return says(400, form.t("Not understood", "无法理解"),
              form.t("There is no such action.", "没有这个操作。"));
}

Actions::Answer Actions::change_job(const Visit& form, std::int64_t job) {
  const std::string action = form.parameter("action");
  if (action == "watch") {
    JobClient(database_).watch(JobId{job});
  } else {
    const JobState state = action == "cancel" ? JobState::cancelled : JobState::queued;
    if (!JobChanges(database_).set_state(JobId{job}, state))
      return no_such_job(form);
  }
  return {back_of(form, "/jobs/" + std::to_string(job)), {}};
}

Actions::Answer Actions::change_many(const Visit& form) {
  if (order_of(form).filter.is_empty())
    return says(400, form.t("Not understood", "无法理解"),
                form.t("The form does not say which jobs.", "表单没有指明是哪些作业。"));
  const auto up_to = form.number("up_to");
  const auto count = form.number("count");
  const auto asked_at = parse_time(form.parameter("asked_at"));
  if (form.parameter("confirm") == "1" && up_to && count && asked_at)
    return shows(change_confirmed(form, *up_to, *count, to_text(*asked_at)));
  return shows(ask(form, false));
}

Page Actions::ask(const Visit& form, bool more_than_confirmed) {
  Order order = order_of(form);
  order.asked_at = to_text(form.now);
  std::optional<std::int64_t> count;
  readers_.with([&](Reader& reader) {
    reader.read([&](Reader::Snapshot& snapshot) {
      order.up_to = snapshot.row("SELECT max(id) AS id FROM jobs")->integer("id");
    });
    count = count_of(order, reader);
  });
  Page page;
  page.title = title_of(form, order);
  if (count == 0) {
    page.parts.push_back({"question", html("<p>{}</p>{}",
                                           form.t("There is no job of which that can be made.",
                                                  "没有可以这样处理的作业。"),
                                           back_link(form))});
    return page;
  }
  const std::string jobs = count_words(form, count);
  const bool reruns = order.reruns();
  Html out;
  if (more_than_confirmed)
    out.put("<p class=\"notice bad\" role=\"status\">{}</p>",
            form.t("Nothing was changed: there are more of them now than you have confirmed.",
                   "未做任何更改：现在的作业比您确认时更多。"));
  out.put("<p><strong>{}</strong> {}</p><p class=\"notice\">{}</p><p>{}</p>", jobs,
          reruns ? form.t("will be run again.", "将重新运行。")
                 : form.t("will be cancelled.", "将被取消。"),
          warning_of(form, order),
          form.t("Jobs that come later are not touched. The same in SQL:",
                 "之后新建的作业不受影响。对应的 SQL："));
  out.put("<pre>UPDATE jobs SET state = '{}' WHERE ({}){} AND id &lt;= {}</pre>",
          to_text(order.state), order.filter.literal_condition(), order.condition(), order.up_to);
  out += confirm_button(
      form, order,
      std::string(reruns ? form.t("Run again: ", "重新运行：") : form.t("Cancel: ", "取消：")) +
          jobs,
      count.value_or(most_counted + 1), order.up_to);
  page.parts.push_back({"question", out += back_link(form)});
  return page;
}

Page Actions::change_confirmed(const Visit& form, std::int64_t up_to, std::int64_t confirmed,
                               const std::string& asked_at) {
  Order order = order_of(form);
  order.up_to = up_to;
  order.asked_at = asked_at;
  if (confirmed <= most_counted) {
    std::optional<std::int64_t> count;
    readers_.with([&](Reader& reader) { count = count_of(order, reader); });
    if (!count || *count > confirmed)
      return ask(form, true);
  }
  // Jobs may have come to the filter since they were counted. Of more than can be counted all were
  // confirmed.
  const bool is_counted = confirmed <= most_counted;
  const ManyChanged many = JobChanges(database_).set_state(
      selection_of(order), order.state, up_to, is_counted ? confirmed : JobChanges::jobs_per_call);
  const std::int64_t left = is_counted ? confirmed - many.changed - many.refused : confirmed;
  Page page;
  page.title = title_of(form, order);
  Html out;
  out.put("<p role=\"status\"><strong>{}</strong> {}</p>", count_words(form, many.changed),
          form.t("changed.", "已更改。"));
  if (many.refused > 0)
    out.put("<p class=\"notice bad\">{} {} {}</p>", count_words(form, many.refused),
            form.t("stay as they are. Of the first one the database says:",
                   "保持不变。数据库对其中第一个的说明："),
            many.refusal);
  if (!many.trouble.empty()) {
    page.status = 503;
    out.put("<p class=\"notice bad\">{} {}</p>",
            form.t("Then it could not go on:", "之后未能继续："), many.trouble);
  }
  if (many.below && left > 0) {
    out.put("<p>{}</p>", form.t("There may be more of them.", "可能还有更多。"));
    out += confirm_button(form, order, form.t("Go on", "继续"), left, *many.below);
  }
  page.parts.push_back({"answer", out += back_link(form)});
  return page;
}

Actions::Answer Actions::pause(const Visit& form, bool goes_on) {
  JobChanges changes(database_);
  if (!goes_on)
    changes.pause(form.parameter("scope"), form.parameter("key"), form.parameter("reason"));
  else if (!changes.resume(form.parameter("scope"), form.parameter("key")))
    return says(404, form.t("Not found", "未找到"),
                form.t("There is no such pause any more.", "这个暂停已经不存在。"));
  return {back_of(form, "/"), {}};
}

Actions::Answer Actions::run_schedule(const Visit& form) {
  const auto job = JobChanges(database_).run_schedule(form.parameter("schedule"));
  if (!job)
    return says(404, form.t("Not found", "未找到"),
                form.t("There is no such schedule.", "没有这个定时。"));
  return {"/jobs/" + std::to_string(job->value), {}};
}

void Actions::watch(std::int64_t job) {
  try {
    JobClient(database_).watch(JobId{job});
  } catch (const std::exception&) { // the page shows the job all the same
  }
}

} // namespace kdq::web
