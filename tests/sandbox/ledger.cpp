#include "tests/sandbox/ledger.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <system_error>

namespace kdq::sandbox {
namespace {

using nlohmann::json;

constexpr mode_t file_mode = 0644;

} // namespace

Ledger::Ledger(const std::string& path) {
  if (path.empty()) {
    return;
  }
  file_ = UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, file_mode));
  if (!file_) {
    throw std::system_error(errno, std::generic_category(), path);
  }
}

void Ledger::append(const json& entry) {
  if (!file_) {
    return;
  }
  const std::string text = entry.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
    if (written < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "the ledger file");
    }
    rest.remove_prefix(written > 0 ? static_cast<std::size_t>(written) : 0);
  }
}

RequestNumber Ledger::received(Endpoint endpoint) {
  const std::lock_guard lock(mutex_);
  ++received_[std::string(to_text(endpoint))];
  ++requests_;
  append({{"event", "received"}, {"request", requests_}, {"endpoint", to_text(endpoint)}});
  return requests_;
}

void Ledger::faulted(RequestNumber request, FaultKind kind) {
  const std::lock_guard lock(mutex_);
  ++faults_[std::string(to_text(kind))];
  append({{"event", "fault"}, {"request", request}, {"kind", to_text(kind)}});
}

void Ledger::refused(RequestNumber request, std::int64_t code, const std::string& name) {
  const std::lock_guard lock(mutex_);
  ++refused_[name];
  append({{"event", "refused"}, {"request", request}, {"code", code}, {"name", name}});
}

void Ledger::wrongly_encoded(RequestNumber request) {
  const std::lock_guard lock(mutex_);
  ++wrong_encodings_;
  append({{"event", "wrong_encoding"}, {"request", request}});
}

void Ledger::path_not_found() {
  const std::lock_guard lock(mutex_);
  ++paths_not_found_;
}

void Ledger::consented(const std::string& account, const std::string& scope, bool force_login) {
  const std::lock_guard lock(mutex_);
  append(
      {{"event", "consent"}, {"account", account}, {"scope", scope}, {"force_login", force_login}});
}

void Ledger::consent_refused(bool force_login) {
  const std::lock_guard lock(mutex_);
  append({{"event", "consent_refused"}, {"force_login", force_login}});
}

void Ledger::token_issued(RequestNumber request, const std::string& account,
                          const std::string& scope) {
  const std::lock_guard lock(mutex_);
  append({{"event", "token_issued"}, {"request", request}, {"account", account}, {"scope", scope}});
}

void Ledger::posted(RequestNumber request, const std::string& task, const SubmitOrder& order) {
  const std::lock_guard lock(mutex_);
  ++posts_[{order.file, order.script_name, order.custom_argv.dump(), order.script}];
  for (Running* running : {&running_[order.file], &running_in_all_}) {
    running->most = std::max(running->most, ++running->now);
  }
  append({{"event", "post"},
          {"request", request},
          {"task", task},
          {"file", order.file},
          {"script_name", order.script_name},
          {"custom_argv", order.custom_argv},
          {"script", order.script}});
}

void Ledger::produced(const std::string& task, std::size_t index, const json& line) {
  const std::lock_guard lock(mutex_);
  ++lines_produced_;
  append({{"event", "line"}, {"task", task}, {"index", index}, {"line", line}});
}

void Ledger::handed_out(RequestNumber request, const std::string& task, std::size_t from,
                        const json& lines, bool ended) {
  const std::lock_guard lock(mutex_);
  lines_handed_out_ += lines.size();
  append({{"event", "handed_out"},
          {"request", request},
          {"task", task},
          {"from", from},
          {"lines", lines},
          {"ended", ended}});
}

void Ledger::ended(const std::string& task, const std::string& file, const std::string& error,
                   const json& result) {
  const std::lock_guard lock(mutex_);
  ++tasks_ended_;
  --running_[file].now;
  --running_in_all_.now;
  append({{"event", "ended"}, {"task", task}, {"error", error}, {"result", result}});
}

json Ledger::summary() const {
  const std::lock_guard lock(mutex_);
  json posts = json::array();
  std::uint64_t posted = 0;
  for (const auto& [key, count] : posts_) {
    const auto& [file, name, argv, script] = key;
    posts.push_back({{"file", file},
                     {"script_name", name},
                     {"custom_argv", json::parse(argv)},
                     {"script", script},
                     {"count", count}});
    posted += count;
  }
  json most_running = json::object();
  for (const auto& [file, running] : running_) {
    most_running[file] = running.most;
  }
  return {{"received", received_},
          {"refused", refused_},
          {"faults", faults_},
          {"posts", posts},
          {"tasks", {{"started", posted}, {"ended", tasks_ended_}}},
          {"lines", {{"produced", lines_produced_}, {"handed_out", lines_handed_out_}}},
          {"max_running", running_in_all_.most},
          {"max_running_per_file", most_running},
          {"wrong_encodings", wrong_encodings_},
          {"paths_not_found", paths_not_found_}};
}

} // namespace kdq::sandbox
