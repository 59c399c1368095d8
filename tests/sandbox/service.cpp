#include "tests/sandbox/service.h"

#include "tests/sandbox/encoding.h"
#include "tests/sandbox/random_text.h"

#include <array>
#include <cstdio>
#include <utility>

namespace kdq::sandbox {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr const char* started_line = "已开始执行";
constexpr const char* finished_line = "执行完毕";

/// The wall time of Beijing, without a date: 17:29:58.114.
std::string beijing_timestamp(milliseconds unix_time) {
  constexpr std::chrono::hours beijing_offset{8};
  const std::chrono::hh_mm_ss time((unix_time + beijing_offset) % std::chrono::hours(24));
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%02d:%02d:%02d.%03d",
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()),
                static_cast<int>(time.subseconds().count()));
  return text.data();
}

} // namespace

struct Service::Task {
  std::string id;
  SubmitOrder order;
  std::string file_name; ///< "test.ks", or "anonymous"
  std::vector<json> lines;
  std::vector<RequestNumber> taken_by; ///< one for each line handed out, in their order
  std::uint64_t polls = 0;
  bool ended = false;
  steady_clock::time_point ended_at{};
  std::string error;
  json result = "";
};

class Service::TaskEvents : public ScriptEvents {
public:
  TaskEvents(Service& service, std::shared_ptr<Task> task)
      : service_(service), task_(std::move(task)) {}

  void logged(const std::string& level, int line, json args) override {
    const std::lock_guard lock(service_.mutex_);
    service_.add_line(*task_, level, place(line), std::move(args));
  }
  json read_cell(const std::string& address) override {
    return service_.sheets_.read(task_->order.file, address);
  }
  void write_cell(const std::string& address, json value) override {
    service_.sheets_.write(task_->order.file, address, std::move(value));
  }
  void ended(ScriptEnd end) override {
    const std::lock_guard lock(service_.mutex_);
    if (end.error.empty()) {
      service_.add_line(*task_, "info", "system", json::array({finished_line}));
    } else {
      service_.add_line(*task_, "error", end.error_line > 0 ? place(end.error_line) : "system",
                        json::array({end.error}));
    }
    service_.end_task(*task_, std::move(end));
  }

private:
  /// Only a script with a name shows its lines. The engine knows no columns: always the first.
  std::string place(int line) const {
    return task_->order.script_name.empty() ? task_->file_name
                                            : task_->file_name + ':' + std::to_string(line) + ":1";
  }

  Service& service_;
  const std::shared_ptr<Task> task_;
};

Service::Service(ServiceSettings settings, ScriptRunner& runner, Sheets& sheets, Ledger& ledger,
                 Oauth& oauth)
    : settings_(std::move(settings)), runner_(runner), sheets_(sheets), ledger_(ledger),
      oauth_(oauth), token_(settings_.token), submit_quota_{settings_.submit_quota},
      status_quota_{settings_.status_quota}, random_(std::random_device{}()) {}

Service::~Service() {
  runner_.stop();
}

std::optional<ApiError> Service::admit(Endpoint endpoint, const std::string& token) {
  const std::lock_guard lock(mutex_);
  if (token != token_ && !oauth_.accepts(endpoint, token)) {
    return ApiError{30001, "the access token is not valid"};
  }
  Quota& quota = endpoint == Endpoint::submit ? submit_quota_ : status_quota_;
  if (quota.used >= quota.a_day) {
    return ApiError{30002, "the day's requests are used up"};
  }
  ++quota.used;
  return std::nullopt;
}

std::variant<std::string, ApiError> Service::submit(RequestNumber request, SubmitOrder order) {
  auto task = std::make_shared<Task>();
  ScriptJob job;
  {
    const std::lock_guard lock(mutex_);
    if (running_ >= settings_.max_running) {
      return ApiError{30010, "too many scripts are running"};
    }
    ++running_;
    task->id = new_task_id();
    task->order = std::move(order);
    task->file_name =
        task->order.script_name.empty() ? "anonymous" : task->order.script_name + ".ks";
    job = {task->order.script, task->file_name,
           task->order.custom_argv.is_null() ? json::object() : task->order.custom_argv};
    tasks_[task->id] = task;
    ledger_.posted(request, task->id, task->order);
    add_line(*task, "info", "system", {started_line});
  }
  try {
    runner_.start(std::move(job), std::make_unique<TaskEvents>(*this, task));
  } catch (const std::system_error& e) {
    TaskEvents(*this, task)
        .ended({std::string("the script could not be started: ") + e.what(), 0, ""});
  }
  return task->id;
}

std::variant<StatusReport, ApiError> Service::status(RequestNumber request,
                                                     const std::string& task_id) {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(task_id);
  if (found == tasks_.end()) {
    if (is_wrongly_encoded(task_id)) {
      ledger_.wrongly_encoded(request);
    }
    return ApiError{10001, "there is no such task"};
  }
  Task& task = *found->second;
  if (task.ended && steady_clock::now() - task.ended_at > settings_.task_ttl) {
    return ApiError{10001, "the task has expired"};
  }
  ++task.polls;
  const std::size_t from = task.taken_by.size();
  StatusReport report{task.ended, task.error, json::array(), task.result};
  for (std::size_t i = from; i < task.lines.size(); ++i) {
    report.logs.push_back(task.lines[i]);
  }
  ledger_.handed_out(request, task.id, from, report.logs, report.ended);
  task.taken_by.resize(task.lines.size(), request);
  return report;
}

void Service::add_line(Task& task, const std::string& level, const std::string& filename,
                       json args) {
  const auto now = std::chrono::duration_cast<milliseconds>(system_clock::now().time_since_epoch());
  const std::int64_t unix_time = settings_.unix_time_in_ms
                                     ? now.count()
                                     : std::chrono::floor<std::chrono::seconds>(now).count();
  task.lines.push_back({{"args", std::move(args)},
                        {"filename", filename},
                        {"level", level},
                        {"unix_time", unix_time},
                        {"timestamp", beijing_timestamp(now)}});
  ledger_.produced(task.id, task.lines.size() - 1, task.lines.back());
}

void Service::end_task(Task& task, ScriptEnd end) {
  task.ended = true;
  task.ended_at = steady_clock::now();
  task.error = std::move(end.error);
  task.result = std::move(end.result);
  --running_;
  ledger_.ended(task.id, task.order.file, task.error, task.result);
}

std::string Service::new_task_id() {
  constexpr std::size_t length = 62;
  std::string id = random_text(length, random_);
  // All three characters that encoding must get right.
  id[length / 3] = '/';
  id[length / 2] = '+';
  return percent_encoded(id + "==");
}

bool Service::is_wrongly_encoded(const std::string& task) const {
  // Sent as received, decoding has taken the id's own layer off; encoded twice, one is still there.
  return tasks_.contains(percent_encoded(task)) || tasks_.contains(percent_decoded(task));
}

void Service::accept_token(std::string token) {
  const std::lock_guard lock(mutex_);
  token_ = std::move(token);
}

void Service::set_quota(Endpoint endpoint, std::int64_t a_day) {
  const std::lock_guard lock(mutex_);
  (endpoint == Endpoint::submit ? submit_quota_ : status_quota_).a_day = a_day;
}

void Service::begin_quota_day() {
  const std::lock_guard lock(mutex_);
  submit_quota_.used = 0;
  status_quota_.used = 0;
}

json Service::quota() const {
  const std::lock_guard lock(mutex_);
  const auto described = [](const Quota& quota) {
    return json{{"allowed", quota.a_day}, {"used", quota.used}};
  };
  return {{"submit", described(submit_quota_)}, {"status", described(status_quota_)}};
}

json Service::tasks() const {
  const std::lock_guard lock(mutex_);
  json all = json::array();
  for (const auto& [id, task] : tasks_) {
    json lines = json::array();
    for (std::size_t i = 0; i < task->lines.size(); ++i) {
      lines.push_back(task->lines[i]);
      lines.back()["request"] = i < task->taken_by.size() ? json(task->taken_by[i]) : json();
    }
    all.push_back({{"task", id},
                   {"file", task->order.file},
                   {"script_name", task->order.script_name},
                   {"custom_argv", task->order.custom_argv},
                   {"script", task->order.script},
                   {"ended", task->ended},
                   {"error", task->error},
                   {"result", task->result},
                   {"polls", task->polls},
                   {"lines", std::move(lines)}});
  }
  return all;
}

} // namespace kdq::sandbox
