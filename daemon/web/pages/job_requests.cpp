#include "daemon/web/layout.h"
#include "daemon/web/pages/job_parts.h"
#include "daemon/web/pieces.h"
#include "store/base/utf8.h"

#include <array>

namespace kdq::web {
namespace {

constexpr std::size_t bytes_of_body = 2000;

constexpr std::array outcome_words{
    Word{"accepted", "accepted", "已接受"},
    Word{"report", "a report", "状态报告"},
    Word{"refused", "refused", "被拒绝"},
    Word{"unknown", "unknown whether the script ran", "不知道脚本是否运行"},
    Word{"damaged", "a damaged reply", "回复已损坏"},
    Word{"unanswered", "no answer", "没有回复"},
    Word{"not_sent", "not sent", "未发出"},
    Word{"lost", "lost: the daemon stopped before its reply was stored",
         "丢失：保存回复之前守护进程停止了"},
};

std::string_view outcome_word(std::string_view outcome, const Visit& visit) {
  const std::string_view known = translated(outcome_words, outcome, visit);
  return known.empty() ? outcome : known;
}

std::string_view request_word(std::string_view endpoint, const Visit& visit) {
  return endpoint == "submit"   ? visit.t("start", "启动")
         : endpoint == "status" ? visit.t("status", "查询状态")
                                : endpoint;
}

Html reply_of(Reader& reader, const Visit& visit, const Row& request) {
  if (request.is_null("bytes"))
    return html("–");
  const std::string body = reader.piece("requests", "body", request.integer("id"), 0,
                                        static_cast<std::int64_t>(bytes_of_body) + 1);
  return html("<details><summary>{} {}</summary><pre>{}</pre><a "
              "href=\"/requests/{}/body\">{}</a></details>",
              grouped(request.integer("bytes")), visit.t("bytes", "字节"),
              shortened(body, bytes_of_body), request.integer("id"),
              visit.t("the whole reply", "完整回复"));
}

Html answered(const Row& request, const Visit& visit) {
  const auto sent = parse_time(request.text("sent_at"));
  const auto answer = parse_time(request.text("answered_at"));
  if (!sent || !answer)
    return html("–");
  return html("{} {}", visit.t("after", "用时"), span_text(*answer - *sent));
}

} // namespace

Html requests_of(Reader& reader, const Visit& visit, std::int64_t job, int most) {
  std::vector<Row> requests;
  std::optional<Row> in_flight;
  reader.read([&](Reader::Snapshot& snapshot) {
    requests = snapshot.rows(
        "SELECT id, attempt, endpoint, sent_at, answered_at, http_status, outcome, length(body) AS "
        "bytes FROM requests WHERE job_id = ?1 ORDER BY attempt DESC, id DESC LIMIT ?2",
        {job, std::int64_t{most} + 1});
    in_flight = snapshot.row("SELECT endpoint, sent_at FROM in_flight WHERE job_id = ?1", {job});
  });
  Html out;
  if (in_flight)
    out.put("<p>{} {} {}</p>", visit.t("A request is on its way:", "有一个请求正在途中："),
            request_word(in_flight->text("endpoint"), visit), time_of(in_flight->text("sent_at")));
  if (requests.empty())
    return out.put("<p class=\"quiet\">{}</p>", visit.t("No request is kept.", "没有保留的请求。"));
  const bool has_more = requests.size() > static_cast<std::size_t>(most);
  if (has_more)
    requests.pop_back();
  Html rows;
  for (const Row& request : requests)
    rows.put("<tr><td>{}</td><td>{}</td><td class=\"time\">{}</td><td>{}</td><td>{}</td><td>{}</td>"
             "<td>{}</td></tr>",
             request.integer("attempt"), request_word(request.text("endpoint"), visit),
             time_of(request.text("sent_at")), answered(request, visit),
             request.is_null("http_status") ? "–" : request.text("http_status"),
             outcome_word(request.text("outcome"), visit), reply_of(reader, visit, request));
  out += table(std::string(visit.t("Requests of job ", "请求，作业 ")) + std::to_string(job),
               {{visit.t("Attempt", "尝试")},
                {visit.t("Request", "请求")},
                {visit.t("Sent", "发出")},
                {visit.t("Answered", "回复")},
                {visit.t("HTTP", "HTTP")},
                {visit.t("What came of it", "结果")},
                {visit.t("Reply", "回复内容")}},
               rows);
  if (has_more)
    out.put("<p class=\"quiet\">{}</p>",
            visit.t("These are the newest; the table requests has the others.",
                    "这里是最新的请求，其余的见 requests 表。"));
  return out;
}

} // namespace kdq::web
