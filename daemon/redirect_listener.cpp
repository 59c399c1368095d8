#include "daemon/redirect_listener.h"

#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

namespace kdq {
namespace {

constexpr std::size_t longest_target = 16'384;
constexpr const char* page = "<!doctype html><meta charset=\"utf-8\"><title>kdocs-queued</title>"
                             "<p>This window can be closed: the terminal says how it went.";

} // namespace

struct RedirectListener::Impl {
  httplib::Server server;
  std::thread thread;
  std::atomic<bool> ended = false;
  std::mutex mutex; // guards query
  std::condition_variable came;
  std::optional<std::string> query;
};

RedirectListener::RedirectListener(const Url& address) : impl_(std::make_unique<Impl>()) {
  const int port = address.port.empty() ? 80 : std::stoi(address.port);
  httplib::Server& server = impl_->server;
  // Not its own choice, SO_REUSEPORT: that shares a port which is taken.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.set_keep_alive_max_count(1); // a connection that stays open would keep the end waiting
  server.set_read_timeout(std::chrono::seconds(2));
  server.set_payload_max_length(0);
  server.Get(".*", [this, path = address.path](const httplib::Request& request,
                                               httplib::Response& response) {
    const std::string& target = request.target;
    const std::size_t mark = target.find('?');
    if (target.substr(0, mark) != path || target.size() > longest_target) {
      response.status = 404;
      return;
    }
    response.set_content(page, "text/html");
    const std::lock_guard lock(impl_->mutex);
    if (!impl_->query)
      impl_->query = mark == std::string::npos ? std::string{} : target.substr(mark + 1);
    impl_->came.notify_all();
  });
  if (!server.bind_to_port(bind_host(address.host), port))
    throw ListenError("the port " + std::to_string(port) +
                      " of redirect_uri cannot be listened on (" + std::strerror(errno) +
                      "): " + (errno == EADDRINUSE ? "end the program that has it, or " : "") +
                      "use --paste");
  impl_->thread = std::thread([this] {
    impl_->server.listen_after_bind();
    impl_->ended = true;
  });
  while (!server.is_running() && !impl_->ended) // a stop before that would be overheard
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

RedirectListener::~RedirectListener() {
  impl_->server.stop();
  impl_->thread.join();
}

std::optional<std::string> RedirectListener::wait(std::chrono::seconds span) {
  std::unique_lock lock(impl_->mutex);
  impl_->came.wait_for(lock, span, [&] { return impl_->query.has_value(); });
  return impl_->query;
}

} // namespace kdq
