#include "daemon/child_program.h"

#include "store/base/descriptors.h"
#include "store/base/file_io.h"
#include "store/base/utf8.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace kdq {
namespace {

constexpr std::size_t most_output = 4096;
/// What look() reads at once: as much as a pipe holds. Whoever writes more waits for the next one.
constexpr std::size_t most_read = std::size_t{64} << 10;

constexpr std::string_view path =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Of the daemon's environment.
constexpr const char* handed_on[] = {"TZ",       "https_proxy", "HTTPS_PROXY",
                                     "no_proxy", "NO_PROXY",    "CREDENTIALS_DIRECTORY"};

[[noreturn]] void fail(const std::string& what, int error) {
  throw std::runtime_error(or_descriptor_shortage(what + ": " + std::strerror(error)));
}

std::vector<std::string> environment() {
  std::vector<std::string> all{std::string(path), "LANG=C.UTF-8"};
  for (const char* name : handed_on)
    if (const char* value = std::getenv(name))
      all.push_back(std::string(name) + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts)
    all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

UniqueFd file_in_memory(const std::string& content) {
  UniqueFd file(::memfd_create("input", MFD_CLOEXEC));
  if (!file || !write_all(file.get(), content) || ::lseek(file.get(), 0, SEEK_SET) != 0)
    fail("there is no memory for its input", errno);
  return file;
}

/// What posix_spawn is told; it cleans up after itself.
class SpawnPlan {
public:
  SpawnPlan(int input, int output) {
    require(posix_spawn_file_actions_init(&actions_));
    require(posix_spawnattr_init(&attributes_));
    require(posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO));
    require(posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO));
    require(posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO));
    require(posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1));
    require(posix_spawn_file_actions_addchdir_np(&actions_, "/"));
    sigset_t none;
    sigemptyset(&none);
    sigset_t all;
    sigfillset(&all);
    require(posix_spawnattr_setsigmask(&attributes_, &none));
    require(posix_spawnattr_setsigdefault(&attributes_, &all));
    require(posix_spawnattr_setpgroup(&attributes_, 0));
    require(posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                       POSIX_SPAWN_SETSIGDEF));
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  /// An error number; 0: it runs.
  int run(pid_t& pid, std::vector<std::string> argv) const {
    std::vector<std::string> variables = environment();
    return ::posix_spawn(&pid, argv.front().c_str(), &actions_, &attributes_, pointers(argv).data(),
                         pointers(variables).data());
  }

private:
  static void require(int error) {
    if (error != 0)
      fail("it cannot be started", error);
  }

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

} // namespace

ChildProgram::ChildProgram(const std::vector<std::string>& argv, const std::string& input) {
  const UniqueFd in = file_in_memory(input);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    fail("it cannot be started", errno);
  output_fd_ = UniqueFd(ends[0]);
  const UniqueFd out(ends[1]);
  ::fcntl(output_fd_.get(), F_SETFL, O_NONBLOCK); // this end only
  if (const int error = SpawnPlan(in.get(), out.get()).run(pid_, argv); error != 0) {
    pid_ = -1;
    fail(argv.front() + " cannot be run", error);
  }
  pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_) {
    const int error = errno;
    signal(SIGKILL);
    reap();
    fail("it cannot be followed", error);
  }
}

ChildProgram::~ChildProgram() {
  if (pid_ < 0)
    return;
  signal(SIGKILL);
  reap();
}

void ChildProgram::signal(int number) const {
  ::kill(-pid_, number);
}

void ChildProgram::reap() {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
  }
  pid_ = -1;
  code_ = info.si_status;
  by_signal_ = info.si_code != CLD_EXITED;
}

bool ChildProgram::look() {
  siginfo_t info{};
  // Not taken yet: as long as nobody has, no other group can have the number.
  const bool ended =
      ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
      info.si_pid == pid_;
  if (ended)
    signal(SIGKILL);
  read_output();
  if (ended)
    reap();
  return ended;
}

void ChildProgram::read_output() {
  std::array<char, 4096> piece;
  for (std::size_t read = 0; read < most_read;) {
    const ssize_t got = ::read(output_fd_.get(), piece.data(), piece.size());
    if (got <= 0)
      return;
    read += static_cast<std::size_t>(got);
    const std::size_t room = most_output - output_.size();
    output_.append(piece.data(), std::min(room, static_cast<std::size_t>(got)));
  }
}

std::string ChildProgram::output() const {
  std::string text = output_;
  while (const auto at = invalid_utf8_at(text))
    text[*at] = '?';
  text.erase(text.find_last_not_of(" \r\n") + 1);
  return visible(std::move(text));
}

std::string ChildProgram::end() const {
  if (by_signal_)
    return "ended by signal " + std::to_string(code_);
  return code_ == 0 ? std::string() : "exit code " + std::to_string(code_);
}

} // namespace kdq
