#include "tests/bench/common/service.h"

#include "tests/bench/common/stage.h"

#include <nlohmann/json.hpp>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>
#include <string_view>

namespace kdq::bench {

namespace fs = std::filesystem;

namespace {

Service::Counts counts_in(std::string_view json) {
  const auto counts = nlohmann::json::parse(json);
  return {counts.at("starts"), counts.at("polls"), counts.at("ended"), counts.at("lines"),
          counts.at("bad")};
}

/// The body of a small reply: all of it comes in one piece on loopback.
std::string body_of(std::uint16_t port, std::string_view request) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  char text[1024];
  ssize_t got = -1;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size()))
    got = ::read(fd, text, sizeof text);
  ::close(fd);
  const std::string_view reply(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  const std::size_t blank = reply.find("\r\n\r\n");
  if (blank == reply.npos)
    throw std::runtime_error("the fast service does not answer");
  return std::string(reply.substr(blank + 4));
}

} // namespace

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
                                   std::to_string(options.run_time.count()),
                                   "--lines",
                                   std::to_string(options.lines),
                                   "--first-task",
                                   std::to_string(options.first_task)};
  if (options.record)
    command.insert(command.end(), {"--record-file", record_file_.string()});
  if (options.marked_for_ever)
    command.emplace_back("--marked-for-ever");
  process_ = std::make_unique<Process>(command, folder / "service.log");
  wait_for("the fast service", [&] { return read_text(port_file).ends_with('\n'); });
  port_ = static_cast<std::uint16_t>(std::stoi(read_text(port_file)));
}

Service::Counts Service::counts() const {
  return counts_in(body_of(port_, "GET /admin/counts HTTP/1.1\r\n\r\n"));
}

Service::Record Service::stop() {
  process_->stop();
  Record record;
  record.counts = counts_in(read_text(counts_file_));
  std::ifstream in(record_file_);
  std::string kind;
  for (Arrival arrival; in >> kind >> arrival.marker >> arrival.at_ns;) {
    arrival.start = kind == "start";
    record.arrivals.push_back(arrival);
  }
  return record;
}

} // namespace kdq::bench
