#include "tests/sandbox/loopback_server.h"

#include <arpa/inet.h>
#include <cstdint>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>

namespace kdq::sandbox {
namespace {

/// Longer than any client of the tests keeps a connection idle: the client's rules decide.
constexpr std::chrono::minutes keep_alive{10};
constexpr std::size_t keep_alive_requests = 1'000'000;
constexpr std::size_t max_body_bytes = 64U << 20U;

/// Travels in Request::progress, a field that httplib uses in clients only: it has no other way
/// from a request to its connection.
struct ConnectionTag {
  Connection* connection;
  bool operator()(std::uint64_t /*current*/, std::uint64_t /*total*/) const { return true; }
};

} // namespace

std::string loopback_address(const std::string& host) {
  std::string address = host == "localhost" ? "127.0.0.1" : host;
  constexpr std::uint32_t loopback_net = 127;
  in_addr v4{};
  in6_addr v6{};
  const bool v4_good =
      ::inet_pton(AF_INET, address.c_str(), &v4) == 1 && ntohl(v4.s_addr) >> 24U == loopback_net;
  const bool v6_good =
      ::inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
  if (!v4_good && !v6_good) {
    throw std::invalid_argument("the sandbox listens on loopback only (127.0.0.1, ::1), not on \"" +
                                host + "\"");
  }
  return address;
}

LoopbackServer::LoopbackServer(TlsContext tls, std::size_t threads) : tls_(std::move(tls)) {
  new_task_queue = [threads] {
    return std::make_unique<httplib::ThreadPool>(threads).release(); // httplib deletes it
  };
  // httplib's own choice is SO_REUSEPORT, with which two sandboxes would share a port unnoticed.
  set_socket_options([this](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    listening_ = socket;
  });
  set_keep_alive_timeout(std::chrono::duration_cast<std::chrono::seconds>(keep_alive).count());
  set_keep_alive_max_count(keep_alive_requests);
  set_payload_max_length(max_body_bytes);
}

LoopbackServer::~LoopbackServer() {
  stop_and_join();
}

int LoopbackServer::start(const std::string& host, int port) {
  const std::string address = loopback_address(host);
  const int bound =
      port == 0 ? bind_to_any_port(address) : (bind_to_port(address, port) ? port : -1);
  if (bound < 0) {
    throw std::runtime_error("cannot listen on " + address + " port " + std::to_string(port) +
                             "; is it in use?");
  }
  // httplib lets five connections wait: of many that come at once the rest would be dropped.
  ::listen(listening_, SOMAXCONN);
  thread_ = std::thread([this] { listen_after_bind(); });
  while (!is_running()) { // stop() does nothing before that
    std::this_thread::yield();
  }
  return bound;
}

void LoopbackServer::stop_and_join() {
  if (!thread_.joinable()) {
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const socket_t socket : open_) {
      ::shutdown(socket, SHUT_RDWR); // wakes the thread that reads from it
    }
  }
  stop();
  thread_.join();
}

Connection& LoopbackServer::connection_of(const httplib::Request& request) {
  const auto* tag = request.progress.target<ConnectionTag>();
  if (tag == nullptr) {
    throw std::logic_error("a request that came over no connection");
  }
  return *tag->connection;
}

bool LoopbackServer::enter(socket_t socket) {
  const std::lock_guard lock(mutex_);
  if (!stopping_) {
    open_.insert(socket);
  }
  return !stopping_;
}

void LoopbackServer::leave(socket_t socket) {
  const std::lock_guard lock(mutex_);
  open_.erase(socket);
}

bool LoopbackServer::process_and_close_socket(socket_t socket) {
  Connection connection(socket, tls_.get());
  if (!enter(socket)) {
    return false;
  }
  bool good = connection.handshake();
  while (good && connection.wait_for_request(keep_alive)) {
    bool close_asked = false;
    good = process_request(connection, false, close_asked, [&](httplib::Request& request) {
      request.progress = ConnectionTag{&connection};
    });
    good = good && !close_asked && !connection.dropped();
  }
  leave(socket); // before the descriptor's number can be given to another connection
  return good;
}

} // namespace kdq::sandbox
