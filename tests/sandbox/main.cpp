// kdocs-sandbox: a KDocs script service for tests, on loopback.
#include "tests/sandbox/options.h"
#include "tests/sandbox/sandbox.h"

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <stdexcept>

namespace {

/// SIGTERM and SIGINT, blocked here and in every thread that comes after: main waits for them.
sigset_t blocked_stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

/// In one step, so that whoever sees the file can read the number.
void write_port_file(const std::string& path, int port) {
  const std::string draft = path + ".new";
  std::ofstream(draft) << port << '\n';
  if (std::rename(draft.c_str(), path.c_str()) != 0) {
    throw std::runtime_error("cannot write " + path);
  }
}

constexpr int exit_cannot_start = 1;
constexpr int exit_usage = 2;

} // namespace

int main(int argc, char** argv) {
  try {
    const auto parsed = kdq::sandbox::parse_options(argc, argv);
    if (!parsed.options) {
      return parsed.exit_code == 0 ? 0 : exit_usage;
    }
    const sigset_t signals = blocked_stop_signals();
    const kdq::sandbox::Sandbox sandbox(parsed.options->sandbox);
    if (!parsed.options->port_file.empty()) {
      write_port_file(parsed.options->port_file, sandbox.port());
    }
    std::cout << "listening on " << sandbox.base_url() << std::endl;
    int signal = 0;
    sigwait(&signals, &signal);
    return 0;
  } catch (const std::invalid_argument& e) {
    std::cerr << "kdocs-sandbox: " << e.what() << '\n';
    return exit_usage;
  } catch (const std::exception& e) {
    std::cerr << "kdocs-sandbox: " << e.what() << '\n';
    return exit_cannot_start;
  }
}
