#include "tests/bench/fast_kdocs/service.h"

#include <algorithm>
#include <charconv>

namespace kdq::bench {

namespace {

// As the real ids: percent signs in them, which the client has to encode once more.
constexpr std::string_view id_head = "T%2F";
constexpr std::string_view id_tail = "%3D%3D";
constexpr std::string_view id_on_the_wire = "task_id=T%252F";

std::int64_t number_at(std::string_view text) {
  std::int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// script_name stands behind the script, so its end is enough of a long body.
std::int32_t marker_in(std::string_view body) {
  constexpr std::string_view name = R"("script_name":"m-)";
  constexpr std::size_t tail_bytes = 512;
  if (body.size() > tail_bytes)
    body.remove_prefix(body.size() - tail_bytes);
  const std::size_t at = body.find(name);
  return at == std::string_view::npos
             ? -1
             : static_cast<std::int32_t>(number_at(body.substr(at + name.size())));
}

void append_line(std::string& out, std::string_view message, std::string_view filename) {
  if (out.back() != '[')
    out += ',';
  out += R"({"args":[")";
  out += message;
  out += R"("],"filename":")";
  out += filename;
  out += R"(","level":"info","unix_time":1716888598,"timestamp":"17:29:58.114"})";
}

} // namespace

void FastService::answer(const Request& request, std::int64_t now_ns, std::string& out) {
  constexpr std::string_view start_path = "/api/v1/openapi/personal/files/";
  constexpr std::string_view poll_path = "/api/v1/openapi/personal/script/status?";
  body_.clear();
  if (request.post && request.target.starts_with(start_path))
    start(request, now_ns, out);
  else if (!request.post && request.target.starts_with(poll_path))
    poll(request.target, now_ns, out);
  else if (request.target == "/admin/counts")
    append_reply(out, 200, counts());
  else {
    ++bad_;
    append_reply(out, 404, R"({"code":40004,"msg":"no such path"})");
  }
}

void FastService::start(const Request& request, std::int64_t now_ns, std::string& out) {
  Task task{now_ns, -1, 0, false, false};
  if (rules_.record) {
    task.marker = marker_in(request.body);
    if (task.marker >= 0)
      arrivals_.push_back({true, task.marker, now_ns});
  }
  tasks_.push_back(task);
  body_ = R"({"code":0,"data":{"task_id":")";
  const auto number = rules_.first_task + static_cast<std::int64_t>(tasks_.size()) - 1;
  body_.append(id_head).append(std::to_string(number)).append(id_tail) += "\"}}";
  append_reply(out, 200, body_);
}

void FastService::poll(std::string_view target, std::int64_t now_ns, std::string& out) {
  ++polls_;
  body_ = R"({"code":0,"data":{"error":"","status":")";
  const std::size_t at = target.find(id_on_the_wire);
  const std::int64_t number =
      at == std::string_view::npos ? -1 : number_at(target.substr(at + id_on_the_wire.size()));
  const std::int64_t index = number - rules_.first_task;
  if (index < 0 || static_cast<std::size_t>(index) >= tasks_.size()) {
    // A task of before this process began: it runs for ever.
    append_reply(out, 200, body_ += R"(running","data":{"logs":[],"result":""}}})");
    return;
  }
  Task& task = tasks_[static_cast<std::size_t>(index)];
  if (task.marker >= 0)
    arrivals_.push_back({false, task.marker, now_ns});
  ++task.polls;
  const bool may_end = !(rules_.marked_for_ever && task.marker >= 0);
  const bool ends = may_end && !task.ended && task.polls >= rules_.polls &&
                    now_ns - task.started_ns >= rules_.run_time_ns;
  const bool ended = task.ended || ends;
  body_ += ended ? R"(finish","data":{"logs":[)" : R"(running","data":{"logs":[)";
  if (!task.opened) {
    append_line(body_, "已开始执行", "system");
    for (std::uint32_t line = 2; line < rules_.lines; ++line)
      append_line(body_, line % 2 == 0 ? "one" : "two",
                  line % 2 == 0 ? "bench.ks:1:1" : "bench.ks:1:21");
    lines_ += std::max<std::uint32_t>(rules_.lines, 2) - 1;
  }
  task.opened = true;
  if (ends) {
    append_line(body_, "执行完毕", "system");
    ++lines_;
    ++ended_;
    task.ended = true;
  }
  body_ += R"(],"result":")";
  if (ended)
    body_ += std::to_string(number);
  append_reply(out, 200, body_ += "\"}}}");
}

std::string FastService::counts() const {
  return "{\"starts\":" + std::to_string(tasks_.size()) + ",\"polls\":" + std::to_string(polls_) +
         ",\"ended\":" + std::to_string(ended_) + ",\"lines\":" + std::to_string(lines_) +
         ",\"bad\":" + std::to_string(bad_) + "}";
}

std::string FastService::arrivals() const {
  std::string text;
  for (const Arrival& arrival : arrivals_)
    text += (arrival.start ? "start " : "poll ") + std::to_string(arrival.marker) + ' ' +
            std::to_string(arrival.at_ns) + '\n';
  return text;
}

} // namespace kdq::bench
