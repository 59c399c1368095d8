// kdocs-sandbox-engine: runs the one script it is given on stdin and tells on stdout what happens,
// in JSON lines. A process of its own, because a Duktape without the timeout option can only be
// stopped from outside.
//   in:  {"script","file","argv","memory_bytes"}, then one {"value"} or {"error"} per cell event
//   out: {"event":"log","level","line","args"} · {"event":"read","cell"} ·
//        {"event":"write","cell","value"} · {"event":"ended","error","line","result"}
#include "tests/sandbox/script_engine.h"

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sys/prctl.h>

namespace kdq::sandbox {
namespace {

using nlohmann::json;

class PipeHost : public ScriptHost {
public:
  void log(const char* level, int line, std::string args_json) noexcept override {
    send({{"event", "log"}, {"level", level}, {"line", line}, {"args", parsed(args_json)}});
  }

  std::string read_cell(std::string address, std::string& error) noexcept override {
    return ask({{"event", "read"}, {"cell", std::move(address)}}, error);
  }

  void write_cell(std::string address, std::string value_json,
                  std::string& error) noexcept override {
    ask({{"event", "write"}, {"cell", std::move(address)}, {"value", parsed(value_json)}}, error);
  }

  [[noreturn]] void fatal(std::string message) noexcept override {
    ended({"the script engine gave up: " + message, 0, ""});
    std::_Exit(EXIT_SUCCESS);
  }

  void ended(const ScriptOutcome& outcome) noexcept {
    send({{"event", "ended"},
          {"error", outcome.error},
          {"line", outcome.error_line},
          {"result", outcome.result_json.empty() ? json("") : parsed(outcome.result_json)}});
  }

private:
  static json parsed(const std::string& text) {
    json value = json::parse(text, nullptr, false);
    return value.is_discarded() ? json(text) : value;
  }

  /// A supervisor that is gone wants nothing more: the process ends.
  static void send(const json& event) {
    std::cout << event.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
    if (!std::cout) {
      std::_Exit(EXIT_FAILURE);
    }
  }

  static std::string ask(const json& event, std::string& error) noexcept {
    try {
      send(event);
      std::string line;
      std::getline(std::cin, line);
      const json answer = json::parse(line);
      error = answer.value("error", "");
      return answer.contains("value") ? answer.at("value").dump() : "null";
    } catch (const std::exception&) { // no answer: the supervisor is gone
      std::_Exit(EXIT_FAILURE);
    }
  }
};

int run() {
  // Should the supervisor be killed, nothing of it stays behind.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::string line;
  if (!std::getline(std::cin, line)) {
    return EXIT_FAILURE;
  }
  const json order = json::parse(line);
  PipeHost host;
  host.ended(run_script({order.at("script").get<std::string>(), order.at("file").get<std::string>(),
                         order.at("argv").dump(), order.at("memory_bytes").get<std::size_t>()},
                        host));
  return EXIT_SUCCESS;
}

} // namespace
} // namespace kdq::sandbox

int main() {
  try {
    return kdq::sandbox::run();
  } catch (const std::exception& e) {
    std::cerr << "kdocs-sandbox-engine: " << e.what() << '\n';
    return EXIT_FAILURE;
  }
}
