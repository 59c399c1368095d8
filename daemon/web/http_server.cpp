#include "daemon/web/http_server.h"

#include "daemon/system_clock.h"
#include "store/base/descriptors.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <thread>

namespace kdq::web {
namespace {

using namespace std::chrono_literals;

/// A thread waits for each connection: so many may be open at once, others wait for their turn.
/// Idle ones cost some 20 KiB of memory each.
constexpr std::size_t most_connections = 256;
constexpr std::size_t longest_body = 64u << 10;
constexpr std::size_t longest_head = 32u << 10;
/// Each takes a hundred times its four bytes of memory, before anybody has asked for a password.
constexpr int most_head_lines = 100;
constexpr std::size_t longest_sent_body = 128u << 10; ///< with what a body in chunks has around it
/// What no page asks for is not looked at by cpp-httplib's expressions, which take half a KiB of
/// the thread's stack for each character.
constexpr std::size_t longest_form_path = 100;
constexpr int most_requests = 1000; ///< of one connection

/// False: not within this time, or the other end is gone.
bool wait_for(int fd, short events, std::chrono::milliseconds longest) {
  pollfd wanted{fd, events, 0};
  int ready = 0;
  do
    ready = ::poll(&wanted, 1, static_cast<int>(std::max(longest, 0ms).count()));
  while (ready < 0 && errno == EINTR);
  return ready > 0 && (wanted.revents & events) != 0;
}

/// One connection as cpp-httplib wants it. Its own has a limit for each byte, none for all.
class Connection : public httplib::Stream {
public:
  Connection(int fd, const WaitLimits& limits) : limits_(limits), fd_(fd) {}

  /// Waits for the next request. False: none comes.
  bool begin_request() {
    left_ = longest_head;
    head_ = Head{};
    waited_ = 0ms;
    taken_ = 0;
    const bool comes = next_ < filled_ || wait_for(fd_, POLLIN, limits_.idle);
    until_ = clock_.steady() + limits_.request;
    return comes;
  }

  bool is_readable() const override { return next_ < filled_ || wait_for(fd_, POLLIN, 0ms); }
  /// Whoever reads slowly is waited for by write().
  bool is_writable() const override { return !is_gone(); }

  ssize_t read(char* room, size_t size) override {
    if (next_ == filled_ && !fill())
      return -1;
    const std::size_t given = std::min({size, filled_ - next_, left_});
    if (given == 0)
      return -1;
    std::memcpy(room, buffer_.data() + next_, given);
    next_ += given;
    left_ -= given;
    for (std::size_t i = 0; i < given && !head_.has_ended; ++i)
      if (!pass(room[i]))
        return -1;
    return static_cast<ssize_t>(given);
  }

  ssize_t write(const char* bytes, size_t size) override {
    for (;;) {
      const auto most = limits_.answer * (1 + static_cast<std::int64_t>(taken_ >> 20)) - waited_;
      const SteadyTime begun = clock_.steady();
      const bool is_ready = wait_for(fd_, POLLOUT, std::min(limits_.piece, most));
      waited_ += std::chrono::ceil<std::chrono::milliseconds>(clock_.steady() - begun);
      if (!is_ready)
        return -1;
      // It does not wait itself: that would be counted nowhere.
      const ssize_t sent = ::send(fd_, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        continue;
      taken_ += sent > 0 ? static_cast<std::size_t>(sent) : 0;
      return sent;
    }
  }

  // Nobody needs them: who is allowed does not depend on it.
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  socket_t socket() const override { return fd_; }

private:
  /// Where in a request's first lines it is.
  struct Head {
    bool has_ended = false;
    int lines = 0;
    std::size_t in_line = 0; ///< bytes of the line
    bool maybe_range = true; ///< the line begins as a header Range does
    bool maybe_end = true;   ///< the line begins as an empty one does
  };

  /// Follows the head, and takes the name from a header Range: cpp-httplib would look at it by an
  /// expression that takes megabytes of stack. False: the head has too many lines.
  bool pass(char& byte) {
    constexpr std::string_view range = "range:";
    constexpr std::string_view end = "\r\n";
    head_.maybe_range = head_.maybe_range && head_.in_line < range.size() &&
                        (byte | (byte >= 'A' && byte <= 'Z' ? 0x20 : 0)) == range[head_.in_line];
    head_.maybe_end = head_.maybe_end && head_.in_line < end.size() && byte == end[head_.in_line];
    ++head_.in_line;
    if (head_.maybe_range && byte == ':')
      byte = '_';
    if (byte != '\n')
      return true;
    if (head_.maybe_end) {
      head_.has_ended = true;
      left_ = longest_sent_body;
      return true;
    }
    const int lines = head_.lines + 1;
    head_ = Head{};
    head_.lines = lines;
    return lines <= most_head_lines;
  }

  bool fill() {
    const auto longest =
        std::chrono::duration_cast<std::chrono::milliseconds>(until_ - clock_.steady());
    if (longest <= 0ms || !wait_for(fd_, POLLIN, longest))
      return false;
    const ssize_t received = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
    next_ = 0;
    filled_ = received > 0 ? static_cast<std::size_t>(received) : 0;
    return filled_ > 0;
  }

  /// A stream of events reads nothing: only this tells it that nobody is there any more.
  bool is_gone() const {
    char byte = 0;
    return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }

  const WaitLimits limits_;
  SystemClock clock_;
  int fd_;
  std::array<char, 4096> buffer_;
  std::size_t next_ = 0;
  std::size_t filled_ = 0;
  std::size_t left_ = 0; ///< bytes that the request's head, or then its body, may still have
  Head head_;
  SteadyTime until_;                    ///< when it must be whole
  std::chrono::milliseconds waited_{0}; ///< for the other end to take the answer
  std::size_t taken_ = 0;               ///< bytes of the answer
};

/// What cpp-httplib would do with a request beyond what pages need. Says whether another one may
/// follow it: what is behind a body that was not read to its end would be taken for the next
/// request, which a proxy in front has not seen as one.
bool tame(httplib::Request& request) {
  request.headers.erase("Content-Encoding"); // 64 KiB can unpack to gigabytes
  // brotli at its best, as it would be used, takes longer than to make the page.
  request.headers.erase("Accept-Encoding");
  // Forms of ours are never of several parts: those are parsed by expressions as well.
  if (request.is_multipart_form_data())
    request.headers.erase("Content-Type");
  if (request.method != "GET" && request.method != "HEAD" &&
      request.path.size() > longest_form_path)
    request.path = "/";
  if (!request.has_header("Content-Length") && !request.has_header("Transfer-Encoding"))
    return true;
  request.headers.erase("Connection");
  request.set_header("Connection", "close"); // so the answer says it, too
  return false;
}

[[noreturn]] void refuse(const ListenAddress& address, int error) {
  throw ListenError(
      "cannot listen on " + address.url(address.port) + " (" + std::strerror(error) +
      (error == EADDRINUSE ? "): end the program that has it, or choose another --listen" : ")"));
}

/// What a run that was killed has left there; not one that somebody listens on.
void remove_left_socket(const std::filesystem::path& file, const sockaddr_un& name) {
  struct stat info {};
  if (::lstat(file.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode))
    return;
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 &&
      errno == ECONNREFUSED)
    ::unlink(file.c_str());
}

UniqueFd open_unix(const ListenAddress& address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  address.socket.native().copy(name.sun_path, sizeof name.sun_path - 1);
  remove_left_socket(address.socket, name);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0)
    refuse(address, errno);
  // Its group may use it, as the database's.
  if (::chmod(address.socket.c_str(), 0660) != 0)
    refuse(address, errno);
  return fd;
}

UniqueFd open_tcp(const ListenAddress& address) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  if (::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found) != 0 || found == nullptr)
    refuse(address, EINVAL);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  UniqueFd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  if (!fd || ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      // Accepted connections have it, too: an answer is sent in two pieces, and the second would
      // wait 40 ms for the acknowledgement of the first.
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 ||
      ::bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0)
    refuse(address, errno);
  return fd;
}

int port_of(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0)
    return 0;
  if (name.ss_family == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in&>(name).sin_port);
  if (name.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6&>(name).sin6_port);
  return 0;
}

} // namespace

HttpServer::HttpServer(const ListenAddress& address, const WaitLimits& limits)
    : limits_(limits), socket_file_(address.socket) {
  UniqueFd listening = address.socket.empty() ? open_tcp(address) : open_unix(address);
  if (::listen(listening.get(), SOMAXCONN) != 0)
    refuse(address, errno);
  port_ = port_of(listening.get());
  svr_sock_ = listening.release();
  new_task_queue = [] { return new httplib::ThreadPool(most_connections); };
  set_payload_max_length(longest_body);
}

HttpServer::~HttpServer() {
  const UniqueFd never_served(svr_sock_.exchange(INVALID_SOCKET));
  if (!socket_file_.empty())
    ::unlink(socket_file_.c_str());
}

void HttpServer::answer_by(Handler look, Handler act) {
  // Not by Get(), which would match the path with an expression.
  set_pre_routing_handler(
      [look = std::move(look)](const httplib::Request& request, httplib::Response& response) {
        if (request.method != "GET" && request.method != "HEAD")
          return HandlerResponse::Unhandled;
        look(request, response);
        return HandlerResponse::Handled;
      });
  Post(".*", std::move(act)); // before a handler of the other kind no body is read
}

void HttpServer::serve() {
  listen_after_bind();
  ended_ = true;
}

void HttpServer::end() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    for (const int fd : open_)
      ::shutdown(fd, SHUT_RDWR);
  }
  while (!is_running() && !ended_) // a stop before that would be overheard
    std::this_thread::sleep_for(1ms);
  stop();
}

bool HttpServer::take_request(httplib::Stream& stream, bool last) {
  bool closed = false;
  bool another = false; // not behind what was no request
  const bool answered = process_request(
      stream, last, closed, [&](httplib::Request& request) { another = tame(request); });
  return answered && another && !closed && !last;
}

bool HttpServer::process_and_close_socket(socket_t socket) {
  const UniqueFd owner(socket);
  {
    const std::lock_guard lock(mutex_);
    if (ending_)
      return false;
    open_.insert(socket);
  }
  Connection connection(socket, limits_);
  bool sound = true;
  for (int request = 1; sound; ++request)
    sound = connection.begin_request() && take_request(connection, request >= most_requests);
  const std::lock_guard lock(mutex_);
  open_.erase(socket);
  return sound;
}

} // namespace kdq::web
