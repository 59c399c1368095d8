#include "tests/sandbox/script_runner.h"

#include "tests/sandbox/engine_process.h"

#include <atomic>
#include <functional>
#include <stdexcept>
#include <utility>

namespace kdq::sandbox {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

std::string in_seconds(std::chrono::milliseconds span) {
  std::string text = std::to_string(std::chrono::duration<double>(span).count());
  text.erase(text.find_last_not_of('0') + 1);
  return (text.back() == '.' ? text.substr(0, text.size() - 1) : text) + " s";
}

/// The answer to a cell event.
json answered(const std::function<json()>& access) {
  try {
    return {{"value", access()}};
  } catch (const std::invalid_argument& e) {
    return {{"error", e.what()}};
  }
}

/// Acts on one event of the engine; true when it was the last.
bool dispatch(const json& event, EngineProcess& engine, ScriptEvents& events) {
  const auto kind = event.at("event").get<std::string>();
  if (kind == "log") {
    events.logged(event.at("level").get<std::string>(), event.at("line").get<int>(),
                  event.at("args"));
  } else if (kind == "read") {
    engine.send(
        answered([&] { return events.read_cell(event.at("cell").get<std::string>()); }).dump());
  } else if (kind == "write") {
    engine.send(answered([&] {
                  events.write_cell(event.at("cell").get<std::string>(), event.at("value"));
                  return json();
                }).dump());
  } else {
    events.ended(
        {event.at("error").get<std::string>(), event.at("line").get<int>(), event.at("result")});
    return true;
  }
  return false;
}

} // namespace

struct ScriptRunner::Supervisor {
  std::atomic<bool> finished = false;
  std::thread thread;
};

ScriptRunner::ScriptRunner(std::string engine_path, ScriptLimits limits)
    : engine_path_(std::move(engine_path)), limits_(limits) {}

ScriptRunner::~ScriptRunner() {
  stop();
}

void ScriptRunner::start(ScriptJob job, std::unique_ptr<ScriptEvents> events) {
  const std::lock_guard lock(mutex_);
  join_finished();
  Supervisor& supervisor = supervisors_.emplace_back();
  try {
    supervisor.thread = std::thread(
        [this, &supervisor, job = std::move(job), events = std::move(events)]() mutable {
          supervise(job, *events);
          events.reset();
          supervisor.finished = true;
        });
  } catch (...) {
    supervisors_.pop_back();
    throw;
  }
}

void ScriptRunner::stop() {
  stop_.set();
  const std::lock_guard lock(mutex_);
  for (Supervisor& supervisor : supervisors_) {
    supervisor.thread.join();
  }
  supervisors_.clear();
}

void ScriptRunner::join_finished() {
  for (auto it = supervisors_.begin(); it != supervisors_.end();) {
    if (!it->finished) {
      ++it;
      continue;
    }
    it->thread.join();
    it = supervisors_.erase(it);
  }
}

void ScriptRunner::supervise(const ScriptJob& job, ScriptEvents& events) const {
  const auto deadline = steady_clock::now() + limits_.run_time;
  std::size_t output_bytes = 0;
  const auto fail = [&](const std::string& sentence) { events.ended({sentence, 0, ""}); };
  try {
    EngineProcess engine(engine_path_);
    engine.send(json{{"script", job.script},
                     {"file", job.file_name},
                     {"argv", job.argv},
                     {"memory_bytes", limits_.memory_bytes}}
                    .dump());
    while (true) {
      std::string line;
      switch (engine.receive(line, deadline, stop_)) {
      case EngineProcess::Received::stop:
        return;
      case EngineProcess::Received::deadline:
        return fail("the script ran longer than the limit of " + in_seconds(limits_.run_time) +
                    " and was ended");
      case EngineProcess::Received::end:
        return fail("the script engine ended without a word");
      case EngineProcess::Received::line:
        break;
      }
      output_bytes += line.size();
      if (output_bytes > limits_.output_bytes) {
        return fail("the script's log lines exceeded the limit of " +
                    std::to_string(limits_.output_bytes >> 10U) + " KiB and it was ended");
      }
      if (dispatch(json::parse(line), engine, events)) {
        return;
      }
    }
  } catch (const std::exception& e) {
    fail(std::string("the script could not be run: ") + e.what());
  }
}

} // namespace kdq::sandbox
