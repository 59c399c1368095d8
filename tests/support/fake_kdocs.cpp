#include "tests/support/fake_kdocs.h"

#include <algorithm>
#include <stdexcept>

namespace kdq::test {
namespace {

using nlohmann::json;

Endpoint endpoint_of(const HttpRequest& request) {
  return request.method == HttpRequest::Method::post ? Endpoint::submit : Endpoint::status;
}

std::string decode(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      plain += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// The value of a query parameter, decoded once.
std::string parameter(const std::string& url, const std::string& name) {
  const auto query = url.find('?');
  auto at = query;
  while (at != std::string::npos) {
    const auto end = url.find('&', at + 1);
    const std::string pair = url.substr(at + 1, end == std::string::npos ? end : end - at - 1);
    if (pair.rfind(name + "=", 0) == 0)
      return decode(pair.substr(name.size() + 1));
    at = end;
  }
  return {};
}

Answered error_reply(int http_status, std::int64_t code, const std::string& name) {
  return {http_status, json{{"code", code}, {"result", name}, {"msg", name}}.dump(), {}};
}

json entry_of(const std::string& text, const std::string& filename, WallTime at) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
  return {{"args", {text}},
          {"filename", filename},
          {"level", "info"},
          {"unix_time", seconds},
          {"timestamp", to_text(at + std::chrono::hours(8)).substr(11)}};
}

} // namespace

void FakeKdocs::send(RequestId id, HttpRequest request) {
  const Endpoint endpoint = endpoint_of(request);
  const Fault fault = faults ? faults(endpoint, sent_[endpoint]) : Fault{};
  ++sent_[endpoint];
  const SteadyTime now = clock_.steady();
  pending_.push_back({id, std::move(request), fault, now + latency / 2 + fault.delay,
                      now + latency + fault.delay, false, {}});
}

void FakeKdocs::act(Pending& pending) {
  using Kind = Fault::Kind;
  pending.acted = true;
  const Fault& fault = pending.fault;
  if (fault.kind == Kind::not_sent) {
    pending.delivery = NotSent{"connection refused"};
    return;
  }
  ++received_[endpoint_of(pending.request)];
  if (fault.kind == Kind::drop_before) {
    pending.delivery = Unanswered{"the connection was closed", 0, {}};
    return;
  }
  if (fault.kind == Kind::http_status) {
    pending.delivery = Answered{fault.number, {}, fault.retry_after};
    return;
  }
  if (fault.kind == Kind::code) {
    Answered reply = error_reply(200, fault.number, "Fault");
    reply.retry_after = fault.retry_after;
    pending.delivery = std::move(reply);
    return;
  }
  Answered reply = serve(pending.request);
  if (fault.kind == Kind::drop_after)
    pending.delivery = Unanswered{"the connection was closed", 0, {}};
  else if (fault.kind == Kind::truncate)
    pending.delivery = Unanswered{"the reply was cut off", reply.http_status,
                                  reply.body.substr(0, reply.body.size() / 2)};
  else if (fault.kind == Kind::garbage)
    pending.delivery = Answered{200, "<html>busy</html>", {}};
  else
    pending.delivery = std::move(reply);
}

bool FakeKdocs::spend(Endpoint endpoint) {
  const auto day =
      std::chrono::floor<std::chrono::days>(clock_.wall() + std::chrono::hours(8))
          .time_since_epoch()
          .count();
  const std::int64_t quota = endpoint == Endpoint::submit ? submit_quota : status_quota;
  if (spent_[{endpoint, day}] >= quota) {
    ++refused_by_quota_;
    return false;
  }
  ++spent_[{endpoint, day}];
  return true;
}

Answered FakeKdocs::serve(const HttpRequest& request) {
  if (parameter(request.url, "access_token") != token)
    return error_reply(401, 30001, "UserUnauthorized");
  if (!spend(endpoint_of(request)))
    return error_reply(429, 30002, "RateLimiter");
  return endpoint_of(request) == Endpoint::submit ? run_script(request) : task_status(request);
}

Answered FakeKdocs::run_script(const HttpRequest& request) {
  const json body = json::parse(request.body);
  const json plan = json::parse(body.at("script").get<std::string>(), nullptr, false);
  const bool planned = plan.is_object();
  const auto ms = std::chrono::milliseconds(planned ? plan.value("ms", 1000) : 1000);
  const int lines = planned ? plan.value("lines", 2) : 2;

  FakeTask task;
  task.id = "T" + std::to_string(tasks_.size() + 1) + "%2Fx%3D%3D";
  const auto files = request.url.find("/files/") + 7;
  task.file = decode(request.url.substr(files, request.url.find("/script", files) - files));
  task.name = body.value("script_name", "");
  task.started = clock_.wall();
  task.ends = task.started + ms;
  task.error = planned ? plan.value("error", "") : "";
  task.result = planned && plan.contains("result") ? plan["result"] : json("[Undefined]");
  task.lines.push_back({task.started, entry_of("已开始执行", "system", task.started), {}});
  for (int i = 0; i < lines; ++i) {
    const WallTime at = task.started + ms * (i + 1) / (lines + 1);
    task.lines.push_back({at,
                          entry_of(task.name + " line " + std::to_string(i + 1),
                                   task.name + ".ks:" + std::to_string(i + 1) + ":1", at),
                          {}});
  }
  if (task.error.empty())
    task.lines.push_back({task.ends, entry_of("执行完毕", "system", task.ends), {}});
  tasks_.push_back(task);

  const auto running = std::count_if(tasks_.begin(), tasks_.end(), [&](const FakeTask& other) {
    return other.file == task.file && other.ends > clock_.wall();
  });
  most_on_one_file_ = std::max(most_on_one_file_, static_cast<std::size_t>(running));
  return {200, json{{"code", 0}, {"data", {{"task_id", task.id}}}}.dump(), {}};
}

Answered FakeKdocs::task_status(const HttpRequest& request) {
  const std::string id = parameter(request.url, "task_id");
  const auto task = std::find_if(tasks_.begin(), tasks_.end(),
                                 [&](const FakeTask& other) { return other.id == id; });
  if (task == tasks_.end())
    return error_reply(200, 10001, "InvalidArgument");
  const bool ended = clock_.wall() >= task->ends;
  json logs = json::array();
  for (FakeTask::Line& line : task->lines)
    if (line.at <= clock_.wall() && !line.handed_out) {
      line.handed_out = clock_.wall();
      logs.push_back(line.entry);
    }
  const json report{{"error", ended ? task->error : ""},
                    {"status", ended ? "finish" : "running"},
                    {"data", {{"logs", logs}, {"result", ended ? task->result : json("")}}}};
  const json body = shape_a ? json{{"code", 0}, {"data", report}} : report;
  return {200, body.dump(), {}};
}

std::optional<SteadyTime> FakeKdocs::next_event() const {
  std::optional<SteadyTime> next;
  for (const Pending& pending : pending_) {
    const SteadyTime at = pending.acted ? pending.arrives_at : pending.acts_at;
    if (!next || at < *next)
      next = at;
  }
  return next;
}

void FakeKdocs::play_until_now() {
  for (Pending& pending : pending_)
    if (!pending.acted && pending.acts_at <= clock_.steady())
      act(pending);
  for (auto it = pending_.begin(); it != pending_.end();) {
    if (it->acted && it->arrives_at <= clock_.steady()) {
      arrived_.push_back({it->id, std::move(it->delivery)});
      it = pending_.erase(it);
    } else {
      ++it;
    }
  }
}

void FakeKdocs::wait_until(SteadyTime wake) {
  while (arrived_.empty()) {
    const auto event = next_event();
    const SteadyTime next = event ? std::min(*event, wake) : wake;
    if (next == SteadyTime::max())
      throw std::logic_error("the engine waits for ever and nothing is on its way");
    clock_.advance_to(next);
    play_until_now();
    if (on_time)
      on_time();
    if (clock_.steady() >= wake)
      return;
  }
}

std::vector<Reply> FakeKdocs::take_replies() {
  return std::exchange(arrived_, {});
}

FakeTask* FakeKdocs::task_of(const std::string& name) {
  const auto found = std::find_if(tasks_.begin(), tasks_.end(),
                                  [&](const FakeTask& task) { return task.name == name; });
  return found == tasks_.end() ? nullptr : &*found;
}

std::size_t FakeKdocs::received(Endpoint endpoint) const {
  const auto found = received_.find(endpoint);
  return found == received_.end() ? 0 : found->second;
}

void FakeKdocs::client_died() {
  for (Pending& pending : pending_)
    if (!pending.acted)
      act(pending);
  pending_.clear();
  arrived_.clear();
}

} // namespace kdq::test
