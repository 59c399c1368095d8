#include "daemon/web/pages/job_parts.h"
#include "daemon/web/pieces.h"

#include <algorithm>

namespace kdq::web {
namespace {

constexpr std::int64_t most_needs = 50;

std::string_view when_word(std::string_view when, const Visit& visit) {
  return when == "succeeded" ? visit.t("must succeed", "必须成功")
         : when == "ended"   ? visit.t("must end", "必须结束")
         : when == "failed"  ? visit.t("must fail", "必须失败")
                             : when;
}

Html name_of(const Row& need, const Visit& visit) {
  if (need.text("kind") == "job")
    return job_link(need.integer("needs"));
  return html("<a href=\"{}\">{} {}</a>", address("/jobs", {{"batch", need.text("needs")}}),
              visit.t("batch", "批次"), need.integer("needs"));
}

/// `stuck` is NULL where the condition is met.
std::string_view standing(const Row& need, const Visit& visit) {
  if (need.is_null("stuck"))
    return visit.t("met", "已满足");
  return need.integer("stuck") == 0 ? visit.t("not yet", "尚未满足")
                                    : visit.t("cannot be met any more", "已无法满足");
}

Html conditions_of(Reader::Snapshot& snapshot, const Visit& visit, std::int64_t job) {
  Html out;
  const auto needs = snapshot.rows("SELECT kind, needs, when_needed, stuck FROM conditions WHERE "
                                   "job_id = ?1 LIMIT ?2",
                                   {job, most_needs});
  if (needs.empty())
    return out;
  out.put("<h2>{}</h2><ul>", visit.t("What it needs", "前置条件"));
  for (const Row& need : needs)
    out.put("<li>{} {}: {}</li>", name_of(need, visit), when_word(need.text("when_needed"), visit),
            standing(need, visit));
  out.put("</ul>");
  for (const Row& reason : snapshot.rows(
           "SELECT what, advice FROM need_reasons WHERE job_id = ?1 AND is_stuck LIMIT ?2",
           {job, most_needs}))
    out.put("<p class=\"notice bad\">{}{}</p>", reason.text("what"), reason.text("advice"));
  return out;
}

Html dependents_of(Reader::Snapshot& snapshot, const Visit& visit, std::int64_t job) {
  Html out;
  const auto rows = snapshot.rows(
      "SELECT d.job_id, d.when_needed, j.state, substr(j.script_name, 1, 200) AS name "
      "FROM dependents AS d CROSS JOIN jobs AS j ON j.id = d.job_id "
      "WHERE d.kind = 'job' AND d.needs = ?1 LIMIT ?2",
      {job, most_needs + 1});
  if (rows.empty())
    return out;
  out.put("<h2>{}</h2><ul>", visit.t("Who needs it", "依赖它的作业"));
  for (std::size_t i = 0; i < std::min<std::size_t>(rows.size(), most_needs); ++i)
    out.put("<li>{} {} {}: {}</li>", job_link(rows[i].integer("job_id")), rows[i].text("name"),
            state_badge(rows[i].text("state"), visit),
            when_word(rows[i].text("when_needed"), visit));
  out.put("</ul>");
  if (rows.size() > most_needs)
    out.put("<p class=\"quiet\">{}</p>",
            visit.t("There are more: see the view dependents.", "还有更多：见视图 dependents。"));
  return out;
}

} // namespace

Html needs_of(Reader& reader, const Visit& visit, std::int64_t job) {
  Html out;
  reader.read([&](Reader::Snapshot& snapshot) { out += conditions_of(snapshot, visit, job); });
  reader.read([&](Reader::Snapshot& snapshot) { out += dependents_of(snapshot, visit, job); });
  return out;
}

} // namespace kdq::web
