#include "tests/support/fake_kdocs.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace kdq::test {
namespace {

using nlohmann::json;

constexpr std::string_view files_path = "/api/v1/openapi/personal/files/";
constexpr std::string_view status_path = "/api/v1/openapi/personal/script/status";
constexpr std::string_view renewal_path = "/api/v1/oauth2/refresh_token";

Endpoint endpoint_of(const HttpRequest& request) {
  return request.method == HttpRequest::Method::post ? Endpoint::submit : Endpoint::status;
}

std::string decode(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() &&
        std::isxdigit(static_cast<unsigned char>(text[i + 1])) &&
        std::isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      plain += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/// Scheme and host: what tells the apps apart.
std::string base_of(const std::string& url) {
  return url.substr(0, url.find('/', url.find("://") + 3));
}

Answered error_reply(int http_status, std::int64_t code, const std::string& name) {
  return {http_status, json{{"code", code}, {"result", name}, {"msg", name}}.dump(), {}};
}

std::string path_of(const HttpRequest& request) {
  const std::string address = request.url.substr(0, request.url.find('?'));
  return address.substr(address.find('/', address.find("://") + 3));
}

bool is_renewal(const HttpRequest& request) {
  return path_of(request) == renewal_path;
}

/// Whether the service has this address, apart from renewals: the one POST, the one GET.
bool known_path(const HttpRequest& request) {
  const std::string path = path_of(request);
  return request.method == HttpRequest::Method::post
             ? path.starts_with(files_path) && path.ends_with("/script")
             : path == status_path;
}

Answered over_quota(const FakeStyle& style) {
  Answered reply = error_reply(style.quota_retry_after ? 429 : 200, 30002, "RateLimiter");
  reply.retry_after = style.quota_retry_after;
  return reply;
}

json entry_of(json args, const std::string& level, const std::string& filename, WallTime at,
              bool in_ms) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
  return {{"args", std::move(args)},
          {"filename", filename},
          {"level", level},
          {"unix_time", in_ms ? at.time_since_epoch().count() : seconds},
          {"timestamp", to_text(at + std::chrono::hours(8)).substr(11)}};
}

/// All that the script will write.
void add_lines(FakeTask& task, const json& plan, bool in_ms) {
  const auto add = [&](WallTime at, const json& args, const std::string& level,
                       const std::string& place) {
    task.lines.push_back({at, entry_of(args, level, place, at, in_ms), {}, {}});
  };
  // Only a script with a name shows its lines.
  const auto place = [&](std::size_t line) {
    return task.name.empty() ? "anonymous" : task.name + ".ks:" + std::to_string(line) + ":1";
  };
  add(task.started, {"已开始执行"}, "info", "system");
  if (plan.is_object() && plan.contains("log")) {
    for (const json& line : plan["log"])
      add(task.started + std::chrono::milliseconds(line.value("at", 0)), line.at("args"),
          line.value("level", "info"), place(task.lines.size()));
  } else {
    const int lines = plan.is_object() ? plan.value("lines", 2) : 2;
    for (int i = 1; i <= lines; ++i)
      add(task.started + (task.ends - task.started) * i / (lines + 1),
          {task.name + " line " + std::to_string(i)}, "info", place(static_cast<std::size_t>(i)));
  }
  if (task.error.empty())
    add(task.ends, {"执行完毕"}, "info", "system");
}

} // namespace

std::string query_parameter(const std::string& url, const std::string& name) {
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

Fault FakeKdocs::fault_of(const HttpRequest& request) {
  if (is_renewal(request)) {
    const std::size_t number = renewals_sent_++;
    return renewal_faults ? renewal_faults(number) : Fault{};
  }
  const Endpoint endpoint = endpoint_of(request);
  const std::size_t number = sent_[endpoint]++;
  Fault fault = faults ? faults(endpoint, number) : Fault{};
  if (hangs && hangs(endpoint, request.url))
    fault.delay = 2 * time_limit;
  return fault;
}

void FakeKdocs::send(RequestId id, HttpRequest request) {
  const Fault fault = fault_of(request);
  const SteadyTime now = clock_.steady();
  const bool connected = fault.kind != Fault::Kind::not_sent;
  pending_.push_back({id,
                      std::move(request),
                      fault,
                      now + latency / 2 + fault.delay,
                      now + latency + fault.delay + fault.delay_after,
                      connected ? now + time_limit : SteadyTime::max(),
                      false,
                      false,
                      {}});
}

void FakeKdocs::act(Pending& pending) {
  using Kind = Fault::Kind;
  pending.acted = true;
  const Fault& fault = pending.fault;
  if (fault.kind == Kind::not_sent) {
    pending.delivery = NotSent{"connection refused"};
    return;
  }
  const bool renews = oauth && is_renewal(pending.request);
  if (!renews && !known_path(pending.request)) {
    ++paths_not_found_;
    pending.delivery = Answered{404, "404 page not found", {}};
    return;
  }
  if (!renews) {
    ++received_[{endpoint_of(pending.request), base_of(pending.request.url)}];
    arrivals_.push_back(pending.id);
  }
  if (fault.kind == Kind::drop_before) {
    pending.delivery = Unanswered{"the connection was closed", 0, {}};
    return;
  }
  const bool refused = fault.kind == Kind::http_status || fault.kind == Kind::code;
  Answered reply =
      !refused || fault.act ? serve(pending.id, pending.request) : Answered{200, {}, {}};
  if (edit && !renews)
    edit(endpoint_of(pending.request), reply.body);
  pending.delivery = spoilt(fault, std::move(reply));
}

/// What arrives of a reply.
Delivery FakeKdocs::spoilt(const Fault& fault, Answered reply) const {
  using Kind = Fault::Kind;
  if (fault.retry_after)
    reply.retry_after = fault.retry_after;
  switch (fault.kind) {
  case Kind::http_status:
    return Answered{fault.number, {}, reply.retry_after};
  case Kind::code:
    return Answered{fault.code_status, error_reply(200, fault.number, "Fault").body,
                    reply.retry_after};
  case Kind::drop_after:
    return Unanswered{"the connection was closed", 0, {}};
  case Kind::truncate:
    return Unanswered{
        "the reply was cut off", reply.http_status,
        reply.body.substr(0, reply.body.size() *
                                 static_cast<std::size_t>(fault.number ? fault.number : 500) /
                                 1000)};
  case Kind::garbage:
    return Answered{200, "<html>busy</html>", {}};
  case Kind::oversize:
    reply.body.back() = ','; // of the object that any reply is
    reply.body += R"("padding":")";
    reply.body.resize(std::max(reply.body.size(), max_reply_bytes), 'x');
    reply.body.resize(max_reply_bytes);
    return Unanswered{"the reply is too long", reply.http_status, std::move(reply.body)};
  default:
    return reply;
  }
}

std::int64_t FakeKdocs::today() const {
  return std::chrono::floor<std::chrono::days>(clock_.elsewhere() + std::chrono::hours(8))
      .time_since_epoch()
      .count();
}

bool FakeKdocs::spend(Endpoint endpoint, const std::string& app) {
  const std::int64_t quota = endpoint == Endpoint::submit ? submit_quota : status_quota;
  std::int64_t& spent = spent_[{endpoint, app, today()}];
  if (spent >= quota) {
    ++refused_by_quota_;
    return false;
  }
  ++spent;
  return true;
}

void FakeKdocs::spend_elsewhere(Endpoint endpoint, std::int64_t requests,
                                const std::string& base_url) {
  for (std::int64_t i = 0; i < requests; ++i)
    spend(endpoint, base_url);
}

std::int64_t FakeKdocs::counted_today(Endpoint endpoint, const std::string& base_url) const {
  const auto found = spent_.find({endpoint, base_url, today()});
  return found == spent_.end() ? 0 : found->second;
}

std::int64_t FakeKdocs::most_counted_in_a_day(Endpoint endpoint,
                                              const std::string& base_url) const {
  std::int64_t most = 0;
  for (const auto& [key, count] : spent_)
    if (std::get<Endpoint>(key) == endpoint && std::get<std::string>(key) == base_url)
      most = std::max(most, count);
  return most;
}

Answered FakeKdocs::serve(RequestId id, const HttpRequest& request) {
  if (oauth && is_renewal(request))
    return oauth->renew(request.body, clock_.elsewhere());
  const std::string access_token = query_parameter(request.url, "access_token");
  if (oauth ? !oauth->accepts(access_token, clock_.elsewhere()) : access_token != token)
    return error_reply(401, 30001, "UserUnauthorized");
  if (!spend(endpoint_of(request), base_of(request.url)))
    return over_quota(style);
  return endpoint_of(request) == Endpoint::submit ? run_script(id, request)
                                                  : task_status(id, request);
}

Answered FakeKdocs::run_script(RequestId id, const HttpRequest& request) {
  const json body = json::parse(request.body);
  const json plan = json::parse(body.at("script").get<std::string>(), nullptr, false);
  const bool planned = plan.is_object();
  const auto ms = std::chrono::milliseconds(planned ? plan.value("ms", 1000) : 1000);

  FakeTask task;
  task.id = "T" + std::to_string(tasks_.size() + 1) + "%2Fx%3D%3D";
  const auto files = request.url.find("/files/") + 7;
  task.file = decode(request.url.substr(files, request.url.find("/script", files) - files));
  task.name = body.value("script_name", "");
  task.script = body.at("script");
  task.argv = body.contains("custom_argv") ? body["custom_argv"] : json();
  task.started_by = id;
  task.started = clock_.elsewhere();
  task.ends = task.started + ms;
  task.error = planned ? plan.value("error", "") : "";
  task.result = planned && plan.contains("result") ? plan["result"] : json("[Undefined]");
  add_lines(task, plan, style.unix_time_in_ms);
  tasks_.push_back(task);

  const auto running = std::count_if(tasks_.begin(), tasks_.end(), [&](const FakeTask& other) {
    return other.file == task.file && other.ends > clock_.elsewhere();
  });
  most_on_one_file_ = std::max(most_on_one_file_, static_cast<std::size_t>(running));
  json reply{{"code", 0}};
  (style.task_id_in_data ? reply["data"] : reply)[style.task_id_key] = task.id;
  return {200, reply.dump(), {}};
}

Answered FakeKdocs::task_status(RequestId request_id, const HttpRequest& request) {
  const std::string id = query_parameter(request.url, "task_id");
  const auto task = std::find_if(tasks_.begin(), tasks_.end(),
                                 [&](const FakeTask& other) { return other.id == id; });
  if (task == tasks_.end()) {
    wrong_encodings_ += std::any_of(tasks_.begin(), tasks_.end(), [&](const FakeTask& other) {
      return decode(other.id) == id || decode(id) == other.id;
    });
    return error_reply(200, 10001, "InvalidArgument");
  }
  if (task_ttl && clock_.elsewhere() > task->ends + *task_ttl)
    return error_reply(200, 10001, "InvalidArgument");
  const bool ended = clock_.elsewhere() >= task->ends;
  json logs = json::array();
  for (FakeTask::Line& line : task->lines)
    if (line.at <= clock_.elsewhere() && !line.handed_out) {
      line.handed_out = clock_.elsewhere();
      line.handed_to = request_id;
      logs.push_back(line.entry);
    }
  json data{{"result", ended ? task->result : json("")}};
  if (!logs.empty() || style.no_logs == "array")
    data["logs"] = std::move(logs);
  else if (style.no_logs == "null")
    data["logs"] = nullptr;
  const json report{{"error", ended ? task->error : ""},
                    {"status", ended ? style.ended_word : style.running_word},
                    {"data", std::move(data)}};
  const json body = shape_a ? json{{"code", 0}, {"data", report}} : report;
  return {200, body.dump(), {}};
}

std::optional<SteadyTime> FakeKdocs::next_event() const {
  std::optional<SteadyTime> next;
  const auto consider = [&](SteadyTime at) { next = next ? std::min(*next, at) : at; };
  for (const Pending& pending : pending_) {
    consider(pending.acted ? pending.arrives_at : pending.acts_at);
    if (!pending.given_up)
      consider(pending.gives_up_at);
  }
  return next;
}

void FakeKdocs::play_until_now() {
  const SteadyTime now = clock_.steady();
  for (Pending& pending : pending_) {
    if (!pending.acted && pending.acts_at <= now)
      act(pending);
    if (pending.given_up)
      continue;
    if (pending.acted && pending.arrives_at <= now) {
      arrived_.push_back({pending.id, std::move(pending.delivery)});
      pending.given_up = true;
    } else if (pending.gives_up_at <= now) {
      Reply& reply = arrived_.emplace_back();
      reply.request = pending.id;
      reply.delivery = Unanswered{"no reply in time", 0, {}};
      pending.given_up = true;
    }
  }
  std::erase_if(pending_, [](const Pending& each) { return each.acted && each.given_up; });
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
  std::size_t all = 0;
  for (const auto& [key, count] : received_)
    if (key.first == endpoint)
      all += count;
  return all;
}

std::size_t FakeKdocs::received(Endpoint endpoint, const std::string& base_url) const {
  const auto found = received_.find({endpoint, base_url});
  return found == received_.end() ? 0 : found->second;
}

void FakeKdocs::client_died(bool at_once) {
  for (Pending& pending : pending_) {
    if (!pending.acted && at_once)
      act(pending);
    pending.given_up = true;
  }
  std::erase_if(pending_, [](const Pending& each) { return each.acted; });
  arrived_.clear();
}

} // namespace kdq::test
