// Times the codec: reading replies, beside what the JSON library takes to parse the same bytes, and
// building calls. Prints; asserts nothing.
#include "poller/api/kdocs_api.h"
#include "poller/engine/replies/reply_outcome.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>
#include <variant>

namespace {

using namespace kdq;

/// Processor time, so that a busy machine does not count.
double now_ns() {
  std::timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
}

/// The nanoseconds that one call takes in the quickest of many batches. What the calls return is
/// summed up and looked at, or they might be optimised away.
template <class Call>
double ns_of(const Call& call) {
  constexpr double batch_ns = 2e6;
  std::size_t seen = 0;
  const auto batch = [&](long calls) {
    const double begin = now_ns();
    for (long i = 0; i < calls; ++i)
      seen += call();
    return (now_ns() - begin) / static_cast<double>(calls);
  };
  const long calls = std::max(1L, static_cast<long>(batch_ns / std::max(1.0, batch(3))));
  double best = batch(calls);
  for (int i = 0; i < 60; ++i)
    best = std::min(best, batch(calls));
  if (seen == 0)
    std::puts("nothing was read");
  return best;
}

std::string line(int number) {
  return R"({"args":["已处理第 )" + std::to_string(number) +
         R"( 行: \"合计\" = 1234.50, see https:\/\/example.com\/sheet?row=17 for what was written)"
         R"( and what was left out this time",)" +
         std::to_string(number) + R"(,{"row":17,"ok":true}],"filename":"daily_report.ks:3:1",)" +
         R"("level":"info","timestamp":"17:29:58.114","unix_time":1690277398})";
}

std::string status_body(std::string_view status, int lines, std::string_view result) {
  std::string body =
      R"({"code":0,"data":{"error":"","status":")" + std::string(status) + R"(","data":{"logs":[)";
  for (int i = 0; i < lines; ++i)
    body += (i == 0 ? "" : ",") + line(i);
  return body.append("],\"result\":").append(result).append("}}}");
}

template <class Read>
void measure_reading(const char* what, const std::string& body, const Read& read) {
  const double plain =
      ns_of([&] { return nlohmann::json::parse(body, nullptr, false).size() + 1; });
  const double ours = ns_of([&] { return read(body); });
  std::printf("%-40s %7zu B %10.0f ns, plain parse %10.0f ns, ratio %.2f\n", what, body.size(),
              ours, plain, ours / plain);
}

void measure_readings() {
  const auto status = [](const std::string& body) {
    const Answered reply{200, body, {}};
    const auto outcome = kdocs_api::read_status(reply);
    const auto* report = std::get_if<kdocs_api::StatusReport>(&outcome);
    kdocs_api::LogEntries entries = report ? report->logs : kdocs_api::LogEntries{};
    return kdocs_api::read_lines(reply.body, entries).lines.size() + outcome.index() + 1;
  };
  const auto submit = [](const std::string& body) {
    return kdocs_api::read_submit(Answered{200, body, {}}).index() + 1;
  };
  const auto salvaged = [](const std::string& body) {
    return kdocs_api::salvage(body, 200).logs.left + 1;
  };
  InFlight request;
  request.intent.endpoint = Endpoint::status;
  request.token = "u-3nJdS8kq0tVbXw7eFhLmPz2yRa5cGi9";
  request.task.value = "x1ZdAP%2FdLIG%3D%3D";
  const auto judged = [&](const std::string& body) {
    return judge(request, Answered{200, body, {}}).lines.size() + 1;
  };
  const std::string result = R"({"rows":[17,18,19],"sum":1234.50,"note":"完成","done":true})";
  const std::string four = status_body("finish", 4, result);
  measure_reading("status, 4 lines and a result", four, status);
  measure_reading("the same, judged", four, judged);
  measure_reading("the same, cut off", four.substr(0, four.size() - 80), salvaged);
  measure_reading("status, running, no lines", status_body("running", 0, "\"\""), status);
  measure_reading("status, 1,000 lines", status_body("running", 1000, "\"\""), status);
  measure_reading("status, rate limit",
                  R"({"code":30002,"result":"RateLimiter","msg":"slow down"})", status);
  std::string words;
  while (words.size() < 280)
    words += "please try again later, ";
  measure_reading("status, rate limit in many words",
                  R"({"code":30002,"result":"RateLimiter","msg":")" + words + "\"}", status);
  measure_reading("status, a gateway's page",
                  "<html><head><title>502 Bad Gateway</title></head></html>", status);
  measure_reading("submit, task id",
                  R"({"code":0,"data":{"task_id":"x1ZdAP%2FdLIGq8WpTt0vYzKcN5uRbE%3D%3D"}})",
                  submit);
}

template <class Build>
void measure_call(const char* what, const Build& build) {
  std::printf("%-40s           %10.0f ns\n", what, ns_of(build));
}

void measure_calls() {
  const AppSettings app;
  const std::string token = "u-3nJdS8kq0tVbXw7eFhLmPz2yRa5cGi9";
  ClaimedJob job;
  job.file_token = "G_xvUrobayOMXvA4IJFVq19n6epm0T7PjYphWo-N3cE";
  job.script_name = "daily_report";
  job.script = "const sheet = Application.ActiveSheet\n"
               "const name = Context.argv.name\n"
               "sheet.Range(\"A1\").Value = `你好, ${name}`\n"
               "console.log(\"written\", sheet.Range(\"A1\").Text)\n";
  const auto start = [&] {
    return std::get<HttpRequest>(kdocs_api::run_script(app, token, job)).body.size();
  };
  measure_call("start, a script of 5 lines", start);
  job.argv = R"({"name":"世界","rows":[1,2,3],"ratio":0.10})";
  measure_call("start, the same with arguments", start);
  std::string large;
  while (large.size() < 100'000)
    large += job.script;
  job.script = large;
  measure_call("start, a script of 100 kB", start);
  const TaskId task{"x1ZdAP%2FdLIGq8WpTt0vYzKcN5uRbE%3D%3D"};
  measure_call("status request",
               [&] { return kdocs_api::task_status(app, token, task).url.size(); });
}

} // namespace

int main() {
  measure_readings();
  measure_calls();
}
