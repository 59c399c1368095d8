#include "tests/bench/common/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace kdq::bench {

namespace fs = std::filesystem;

namespace {

/// The number after `key` in a file of lines `key: number`; 0 if there is none.
std::int64_t number_after(const std::string& text, const std::string& key) {
  const std::size_t at = text.find(key);
  return at == std::string::npos ? 0 : std::strtoll(text.c_str() + at + key.size(), nullptr, 10);
}

EndedProcess ended(int status, const rusage& used) {
  const auto time = [](const timeval& t) {
    return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
  };
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {code, time(used.ru_utime) + time(used.ru_stime)};
}

[[noreturn]] void become(std::vector<char*>& words, const fs::path& output,
                         const std::vector<std::string>& environment) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(file, STDOUT_FILENO);
  ::dup2(file, STDERR_FILENO);
  ::close(file);
  ::close(nothing);
  for (const std::string& entry : environment)
    ::putenv(const_cast<char*>(entry.c_str()));
  ::execv(words.front(), words.data());
  ::_exit(127);
}

} // namespace

std::string read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

fs::path own_folder() {
  return fs::read_symlink("/proc/self/exe").parent_path();
}

Usage usage_of(pid_t process) {
  const fs::path folder = "/proc/" + std::to_string(process);
  if (!fs::exists(folder))
    throw std::runtime_error("process " + std::to_string(process) + " has ended");
  Usage usage;
  for (const auto& thread : fs::directory_iterator(folder / "task")) {
    usage.cpu += std::chrono::nanoseconds(
        std::strtoll(read_text(thread.path() / "schedstat").c_str(), nullptr, 10));
    usage.wakeups +=
        number_after(read_text(thread.path() / "status"), "\nvoluntary_ctxt_switches:");
  }
  const std::string io = read_text(folder / "io");
  usage.written_bytes = number_after(io, "wchar:");
  usage.disk_bytes = number_after(io, "\nwrite_bytes:");
  usage.peak_memory_bytes = number_after(read_text(folder / "status"), "VmHWM:") * 1024;
  return usage;
}

Usage operator-(const Usage& after, const Usage& before) {
  return {after.cpu - before.cpu, after.wakeups - before.wakeups,
          after.disk_bytes - before.disk_bytes, after.written_bytes - before.written_bytes,
          after.peak_memory_bytes};
}

Process::Process(const std::vector<std::string>& command, const fs::path& output,
                 const std::vector<std::string>& environment) {
  if (::access(command.at(0).c_str(), X_OK) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot run " + command[0]);
  std::vector<std::string> owned = command;
  std::vector<char*> words;
  for (std::string& word : owned)
    words.push_back(word.data());
  words.push_back(nullptr);
  id_ = ::fork();
  if (id_ < 0)
    throw std::system_error(errno, std::generic_category(), "cannot start a process");
  if (id_ == 0)
    become(words, output, environment);
}

Process::~Process() {
  if (id_ < 0)
    return;
  ::kill(id_, SIGKILL);
  ::waitpid(id_, nullptr, 0);
}

bool Process::running() {
  siginfo_t info{};
  return id_ >= 0 &&
         ::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == 0;
}

EndedProcess Process::stop() {
  ::kill(id_, SIGTERM);
  return wait();
}

EndedProcess Process::wait() {
  int status = 0;
  rusage used{};
  while (::wait4(id_, &status, 0, &used) < 0)
    if (errno != EINTR)
      throw std::system_error(errno, std::generic_category(), "cannot wait for a process");
  id_ = -1;
  return ended(status, used);
}

WorkFolder::WorkFolder(const fs::path& parent) {
  std::string name = (parent / "kdq-bench-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), "cannot create " + name);
  path_ = name;
}

WorkFolder::~WorkFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

} // namespace kdq::bench
