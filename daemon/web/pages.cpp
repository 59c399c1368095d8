#include "daemon/web/pages.h"

#include <array>
#include <utility>

namespace kdq::web {
namespace {

using Make = Page (*)(Reader&, const Visit&);
constexpr std::array<std::pair<std::string_view, Make>, 8> all{{
    {"/", now_page},
    {"/jobs", jobs_page},
    {"/schedules", schedules_page},
    {"/batches", batches_page},
    {"/apps", apps_page},
    {"/failures", failures_page},
    {"/unconfirmed", unconfirmed_page},
    {"/insights", insights_page},
}};

} // namespace

Page make_page(Reader& reader, const Visit& visit) {
  for (const auto& [path, make] : all)
    if (visit.path == path)
      return make(reader, visit);
  if (const auto job = number_behind("/jobs/", visit.path))
    return job_page(reader, visit, *job);
  return message_page(404, visit.t("Not found", "未找到"),
                      visit.t("There is no such page.", "没有这个页面。"));
}

} // namespace kdq::web
