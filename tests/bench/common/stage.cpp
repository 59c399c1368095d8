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

// --- the service ---------------------------------------------------------------------------

Service::Service(const fs::path& folder, const ServiceOptions& options)
    : counts_file_(folder / "service.json"), record_file_(folder / "arrivals.txt") {
  const fs::path port_file = folder / "port";
  fs::remove(port_file);
  fs::remove(record_file_);
  std::vector<std::string> command{(own_folder() / "fast_kdocs").string(),
                                   "--port-file",
                                   port_file.string(),
                                   "--counts-file",
                                   counts_file_.string(),
                                   "--polls",
                                   std::to_string(options.polls),
                                   "--run-time-ms",
                                   std::to_string(options.run_time.count())};
  if (options.record)
    command.insert(command.end(), {"--record-file", record_file_.string()});
  if (options.marked_for_ever)
    command.emplace_back("--marked-for-ever");
  process_ = std::make_unique<Process>(command, folder / "service.log");
  wait_for("the fast service", [&] { return read_text(port_file).ends_with('\n'); });
  port_ = read_text(port_file);
  port_.pop_back();
}

Service::Record Service::stop() {
  process_->stop();
  const auto counts = nlohmann::json::parse(read_text(counts_file_));
  Record record;
  record.counts = {counts.at("starts"), counts.at("polls"), counts.at("ended"), counts.at("lines"),
                   counts.at("bad")};
  std::ifstream in(record_file_);
  std::string kind;
  for (Arrival arrival; in >> kind >> arrival.marker >> arrival.at_ns;) {
    arrival.start = kind == "start";
    record.arrivals.push_back(arrival);
  }
  return record;
}

// --- the daemon ----------------------------------------------------------------------------

Stage::Stage(const fs::path& parent, DaemonOptions options)
    : options_(std::move(options)), folder_(parent) {
  Process init({options_.program.string(), "init", "--database", database().string()}, log());
  if (init.wait().exit_code != 0)
    throw std::runtime_error("no database could be made: " + last_words());
}

void Stage::write_configuration(const std::string& base_url) const {
  const fs::path token = folder() / "token";
  std::ofstream(token) << "bench-token\n";
  ::chmod(token.c_str(), 0600);
  const nlohmann::json app = {
      {"base_url", base_url},
      {"token_file", token.string()},
      {"quota", {{"submit", options_.submit_quota}, {"status", options_.status_quota}}},
      {"requests_per_second", 0}};
  const nlohmann::json all = {{"database", database().string()},
                              {"log_level", options_.log_level},
                              {"max_running", options_.max_running},
                              {"max_running_per_file", options_.max_running_per_file},
                              {"apps", {{"default", app}}}};
  std::ofstream(configuration()) << all.dump(2) << '\n';
}

void Stage::start_daemon(const std::string& base_url) {
  write_configuration(base_url);
  const fs::path socket = folder() / "notify";
  const ReadySocket ready(socket);
  std::vector<std::string> environment = options_.environment;
  environment.push_back("NOTIFY_SOCKET=" + socket.string());
  const std::int64_t begin = monotonic_ns();
  daemon_ =
      std::make_unique<Process>(std::vector<std::string>{options_.program.string(), "run",
                                                         "--config", configuration().string()},
                                log(), environment);
  while (!ready.said_ready())
    if (!daemon_->running())
      throw std::runtime_error("the daemon has ended: " + last_words());
  start_time_ = std::chrono::nanoseconds(monotonic_ns() - begin);
}

EndedProcess Stage::stop_daemon() {
  const EndedProcess ended = daemon_->stop();
  daemon_.reset();
  if (ended.exit_code != 0)
    throw std::runtime_error("the daemon ended with " + std::to_string(ended.exit_code) + ": " +
                             last_words());
  return ended;
}

std::string Stage::last_words() const {
  const std::string text = read_text(log());
  return text.size() > 2000 ? text.substr(text.size() - 2000) : text;
}

} // namespace kdq::bench
