// fast_kdocs: one thread, epoll, loopback only; keeps connections open. Ends on SIGTERM.
#include "tests/bench/fast_kdocs/http.h"
#include "tests/bench/fast_kdocs/service.h"

#include <CLI/CLI.hpp>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <unordered_map>

namespace {

using namespace kdq::bench;

struct Options {
  std::uint16_t port = 0;
  std::string port_file;
  std::string counts_file;
  std::string record_file;
  std::uint32_t polls = 1;
  std::int64_t run_time_ms = 0;
  std::uint32_t lines = 4;
  std::int64_t first_task = 1;
  bool marked_for_ever = false;
};

struct Connection {
  std::string in;       ///< the head of a request that is not complete
  std::string out;      ///< what the socket did not take yet
  bool blocked = false; ///< it waits for the socket to take more
};

int checked(int result, const char* what) {
  if (result < 0)
    throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
  return result;
}

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

class Server {
public:
  explicit Server(const Options& options)
      : service_({options.polls, options.run_time_ms * 1'000'000, options.lines, options.first_task,
                  !options.record_file.empty(), options.marked_for_ever}),
        epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll")) {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::sigaddset(&signals, SIGINT);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    signals_ = checked(::signalfd(-1, &signals, SFD_CLOEXEC), "signalfd");
    watch(signals_, EPOLL_CTL_ADD, EPOLLIN);
    listen(options);
  }

  void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.fd == signals_)
          return;
        if (event.data.fd == listener_)
          accept();
        else if (!serve(event.data.fd, event.events))
          drop(event.data.fd);
      }
    }
  }

  const FastService& service() const { return service_; }

private:
  void listen(const Options& options) {
    listener_ = checked(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    const int yes = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    checked(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
    checked(::listen(listener_, 1024), "listen");
    socklen_t size = sizeof address;
    checked(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    watch(listener_, EPOLL_CTL_ADD, EPOLLIN);
    if (options.port_file.empty())
      std::printf("%d\n", ntohs(address.sin_port));
    else
      std::ofstream(options.port_file) << ntohs(address.sin_port) << '\n';
    std::fflush(stdout);
  }

  void watch(int fd, int operation, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    checked(::epoll_ctl(epoll_, operation, fd, &event), "epoll_ctl");
  }

  void accept() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0)
        return;
      const int yes = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      connections_[fd];
      watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    }
  }

  /// False: the connection is at its end.
  bool serve(int fd, std::uint32_t events) {
    Connection& connection = connections_[fd];
    if ((events & EPOLLOUT) != 0)
      return flush(fd, connection);
    const ssize_t got = ::read(fd, buffer_->data(), buffer_->size());
    if (got <= 0)
      return got < 0 && (errno == EAGAIN || errno == EINTR);
    std::string_view stream(buffer_->data(), static_cast<std::size_t>(got));
    const bool continued = !connection.in.empty();
    if (continued)
      stream = connection.in.append(stream);
    const std::int64_t now = now_ns();
    while (const auto request = first_request(stream)) {
      service_.answer(*request, now, connection.out);
      stream.remove_prefix(request->bytes);
    }
    connection.in = std::string(stream);
    return connection.out.empty() || flush(fd, connection);
  }

  bool flush(int fd, Connection& connection) const {
    const ssize_t sent = ::write(fd, connection.out.data(), connection.out.size());
    if (sent < 0 && errno != EAGAIN)
      return false;
    connection.out.erase(0, sent < 0 ? 0 : static_cast<std::size_t>(sent));
    const bool blocked = !connection.out.empty();
    if (blocked != connection.blocked)
      watch(fd, EPOLL_CTL_MOD, blocked ? EPOLLOUT : EPOLLIN);
    connection.blocked = blocked;
    return true;
  }

  void drop(int fd) {
    ::close(fd); // leaves epoll by itself
    connections_.erase(fd);
  }

  using Buffer = std::array<char, 256 * 1024>;
  FastService service_;
  int epoll_;
  int signals_ = -1;
  int listener_ = -1;
  std::unordered_map<int, Connection> connections_;
  std::unique_ptr<Buffer> buffer_ = std::make_unique<Buffer>();
};

} // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"A fast KDocs that runs nothing, on loopback", "fast_kdocs"};
  cli.add_option("--port", options.port, "0: any that is free");
  cli.add_option("--port-file", options.port_file, "where to write the port; else it is printed");
  cli.add_option("--counts-file", options.counts_file, "gets a JSON object at the end");
  cli.add_option("--record-file", options.record_file, "gets the arrivals of marked jobs");
  cli.add_option("--polls", options.polls, "a task ends at this poll at the earliest");
  cli.add_option("--run-time-ms", options.run_time_ms, "and at this age at the earliest");
  cli.add_option("--lines", options.lines, "of a task that has ended, two at least");
  cli.add_option("--first-task", options.first_task, "the number of the first task");
  cli.add_flag("--marked-for-ever", options.marked_for_ever, "marked jobs do not end");
  CLI11_PARSE(cli, argc, argv);
  try {
    Server server(options);
    server.run();
    if (!options.record_file.empty())
      std::ofstream(options.record_file) << server.service().arrivals();
    if (!options.counts_file.empty())
      std::ofstream(options.counts_file) << server.service().counts() << '\n';
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fast_kdocs: %s\n", error.what());
    return 1;
  }
}
