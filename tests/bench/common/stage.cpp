#include "tests/bench/common/stage.h"

#include <nlohmann/json.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <thread>

namespace kdq::bench {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

/// The socket on which a service says that it is ready (sd_notify(3)).
class ReadySocket {
public:
  explicit ReadySocket(const fs::path& path)
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.string().size() >= sizeof address.sun_path)
      throw std::runtime_error("the path is too long for a socket: " + path.string());
    std::memcpy(address.sun_path, path.c_str(), path.string().size());
    fs::remove(path);
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("no socket can be made at " + path.string());
    timeval patience{0, 100'000};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~ReadySocket() { ::close(fd_); }
  ReadySocket(const ReadySocket&) = delete;
  ReadySocket& operator=(const ReadySocket&) = delete;

  /// Waits up to 0.1 s.
  bool said_ready() const {
    char text[512];
    const ssize_t got = ::recv(fd_, text, sizeof text, 0);
    return got > 0 && std::string_view(text, static_cast<std::size_t>(got)).find("READY=1") !=
                          std::string_view::npos;
  }

private:
  int fd_;
};

/// Returns the path of the file.
fs::path write_configuration(const Stage& stage, const DaemonOptions& options,
                             const std::string& base_url) {
  const fs::path token = stage.folder() / "token";
  std::ofstream(token) << "bench-token\n";
  ::chmod(token.c_str(), 0600);
  const nlohmann::json app = {
      {"base_url", base_url},
      {"token_file", token.string()},
      {"quota", {{"submit", options.submit_quota}, {"status", options.status_quota}}},
      {"requests_per_second", options.requests_per_second}};
  const nlohmann::json all = {{"database", stage.database().string()},
                              {"log_level", options.log_level},
                              {"max_running", options.max_running},
                              {"max_running_per_file", options.max_running_per_file},
                              {"apps", {{"default", app}}}};
  fs::path file = stage.folder() / "config.json";
  std::ofstream(file) << all.dump(2) << '\n';
  return file;
}

} // namespace

std::int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void wait_for(const std::string& what, const std::function<bool()>& condition,
              std::chrono::milliseconds pause, std::chrono::seconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end)
      throw std::runtime_error("waited too long for " + what);
    std::this_thread::sleep_for(pause);
  }
}

Stage::Stage(const fs::path& parent, DaemonOptions options)
    : options_(std::move(options)), folder_(parent) {
  Process init({options_.program.string(), "init", "--database", database().string()}, log());
  if (init.wait().exit_code != 0)
    throw std::runtime_error("no database could be made: " + last_words());
}

std::string Stage::last_words() const {
  const std::string text = read_text(log());
  return text.size() > 2000 ? text.substr(text.size() - 2000) : text;
}

Daemon::Daemon(const Stage& stage, const DaemonOptions& options, const std::string& base_url)
    : stage_(stage) {
  const fs::path configuration = write_configuration(stage, options, base_url);
  const fs::path socket = stage.folder() / "notify";
  const ReadySocket ready(socket);
  std::vector<std::string> environment = options.environment;
  environment.push_back("NOTIFY_SOCKET=" + socket.string());
  const std::vector<std::string> command{options.program.string(), "run", "--config",
                                         configuration.string()};
  const std::int64_t begin = monotonic_ns();
  process_ = std::make_unique<Process>(command, stage.log(), environment);
  while (!ready.said_ready())
    if (!process_->running())
      throw std::runtime_error("the daemon has ended: " + stage.last_words());
  start_time_ = std::chrono::nanoseconds(monotonic_ns() - begin);
}

Daemon::Daemon(const Stage& stage, const std::string& base_url)
    : Daemon(stage, stage.options(), base_url) {}

EndedProcess Daemon::stop() {
  const EndedProcess ended = process_->stop();
  process_.reset();
  if (ended.exit_code != 0)
    throw std::runtime_error("the daemon ended with " + std::to_string(ended.exit_code) + ": " +
                             stage_.last_words());
  return ended;
}

} // namespace kdq::bench
