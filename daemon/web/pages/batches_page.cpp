#include "daemon/web/layout.h"
#include "daemon/web/pages.h"
#include "daemon/web/pieces.h"

#include <limits>

namespace kdq::web {
namespace {

constexpr std::size_t page_rows = 50;

/// The share of its jobs that have ended. The view's percent counts what runs by its progress, for
/// which it looks at each job of the batch: there may be a million.
std::int64_t percent_of(const Row& row) {
  const std::int64_t jobs = row.integer("jobs");
  const std::int64_t ended =
      row.integer("succeeded") + row.integer("failed") + row.integer("cancelled");
  if (!row.is_null("ended_at"))
    return 100;
  return jobs > 0 ? ended * 100 / jobs : 0;
}

Html line_of(const Row& row, const Visit& visit) {
  const std::string id = row.text("batch_id");
  Html out;
  out.put("<tr><th scope=\"row\"><a href=\"{}\">#{}</a></th><td>{}</td><td>{}</td><td>{}</td>",
          address("/jobs", {{"batch", id}}), id, row.text("name"),
          state_badge(row.text("state"), visit),
          progress_bar(percent_of(row), visit.t("jobs that have ended", "已结束的作业")));
  for (const char* count : {"jobs", "waiting", "running", "succeeded", "failed", "cancelled"})
    out.put("<td class=\"number\">{}</td>", grouped(row.integer(count)));
  out.put("<td>{}</td>", time_of(row.text("created_at")));
  if (row.is_null("ended_at"))
    out.put("<td>{} {}</td></tr>", time_of(row.text("expected_at")),
            age_of(row.text("expected_at"), visit));
  else
    out.put("<td>{} <span class=\"quiet\">{}</span></td></tr>", time_of(row.text("ended_at")),
            visit.t("ended", "已结束"));
  return out;
}

} // namespace

Page batches_page(Reader& reader, const Visit& visit) {
  Page page;
  page.title = visit.t("Batches", "批次");
  page.live = true;
  const auto before = visit.number("before");
  page.parts.push_back(read_part(reader, visit, "list", [&](Reader::Snapshot& snapshot) {
    std::vector<Row> rows = snapshot.rows(
        "SELECT batch_id, substr(name, 1, 200) AS name, state, jobs, waiting, running, succeeded, "
        "failed, cancelled, created_at, ended_at, expected_at FROM batch_progress "
        "WHERE batch_id < ?1 ORDER BY batch_id DESC LIMIT ?2",
        {before.value_or(std::numeric_limits<std::int64_t>::max()),
         static_cast<std::int64_t>(page_rows + 1)});
    if (rows.empty())
      return html("<p class=\"quiet\">{}</p>",
                  before ? visit.t("There are no more.", "没有更多了。")
                         : visit.t("There are no batches.", "没有批次。"));
    const bool has_more = rows.size() > page_rows;
    if (has_more)
      rows.pop_back();
    Html lines;
    for (const Row& row : rows)
      lines += line_of(row, visit);
    Html out = table(visit.t("Batches, newest first", "批次（最新在前）"),
                     {{visit.t("Batch", "批次")},
                      {visit.t("Name", "名称")},
                      {visit.t("State", "状态")},
                      {visit.t("Ended", "已结束")},
                      {visit.t("Jobs", "作业数"), true},
                      {visit.t("Waiting", "等待"), true},
                      {visit.t("Running", "运行"), true},
                      {visit.t("Succeeded", "成功"), true},
                      {visit.t("Failed", "失败"), true},
                      {visit.t("Cancelled", "取消"), true},
                      {visit.t("Made", "创建时间")},
                      {visit.t("End (expected)", "（预计）结束时间")}},
                     lines);
    if (has_more)
      out.put("<p><a href=\"{}\">{}</a></p>",
              address("/batches", {{"before", rows.back().text("batch_id")}}),
              visit.t("Older ones", "更早的批次"));
    return out;
  }));
  return page;
}

} // namespace kdq::web
