#include "tests/sandbox/engine_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <system_error>

namespace kdq::sandbox {
namespace {

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

class FileActions {
public:
  /// stdin and stdout become `socket`; nothing else of the sandbox is inherited, above all no
  /// client's connection, which would then stay open after the sandbox has closed it.
  explicit FileActions(int socket) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, socket, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, socket, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
  }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  const posix_spawn_file_actions_t* get() const { return &actions_; }

private:
  posix_spawn_file_actions_t actions_{};
};

class Attributes {
public:
  /// No signal is blocked or ignored in the engine, whatever the sandbox does.
  Attributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &pipe);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

private:
  posix_spawnattr_t attributes_{};
};

} // namespace

EngineProcess::EngineProcess(const std::string& path) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    fail(errno, "socketpair");
  }
  socket_ = UniqueFd(ends[0]);
  const UniqueFd theirs(ends[1]);
  const FileActions actions(theirs.get());
  const Attributes attributes;
  std::string name = path;
  std::array<char*, 2> argv{name.data(), nullptr};
  const int error =
      ::posix_spawn(&pid_, path.c_str(), actions.get(), attributes.get(), argv.data(), environ);
  if (error != 0) {
    pid_ = -1;
    fail(error, path);
  }
}

EngineProcess::~EngineProcess() {
  if (pid_ < 0) {
    return;
  }
  ::kill(pid_, SIGKILL); // not reaped yet, so the id is still this process's
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void EngineProcess::send(std::string_view line) {
  std::string text(line);
  text += '\n';
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t sent = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) {
      fail(errno, "write to the script engine");
    }
    rest.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : 0);
  }
}

EngineProcess::Received EngineProcess::receive(std::string& line,
                                               std::chrono::steady_clock::time_point deadline,
                                               const StopEvent& stop) {
  using std::chrono::milliseconds;
  while (true) {
    if (const auto end = buffer_.find('\n', scanned_); end != std::string::npos) {
      line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      scanned_ = 0;
      return Received::line;
    }
    scanned_ = buffer_.size();
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return Received::deadline;
    }
    std::array<pollfd, 2> waits{pollfd{stop.fd(), POLLIN, 0}, pollfd{socket_.get(), POLLIN, 0}};
    const auto ms = std::min<milliseconds::rep>(left.count(), std::numeric_limits<int>::max());
    if (::poll(waits.data(), waits.size(), static_cast<int>(ms)) <= 0) {
      continue;
    }
    if (waits[0].revents != 0) {
      return Received::stop;
    }
    std::array<char, 65536> chunk{};
    const ssize_t size = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
    if (size > 0) {
      buffer_.append(chunk.data(), static_cast<std::size_t>(size));
    } else if (size == 0 || errno != EINTR) {
      return Received::end;
    }
  }
}

} // namespace kdq::sandbox
