#include "daemon/stop_signal.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace kdq {

StopSignal::StopSignal() {
  sigset_t stops;
  sigemptyset(&stops);
  sigaddset(&stops, SIGTERM);
  sigaddset(&stops, SIGINT);
  fd_ = UniqueFd(::signalfd(-1, &stops, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd_)
    throw std::system_error(errno, std::generic_category(), "signals cannot be watched");
  pthread_sigmask(SIG_BLOCK, &stops, &old_mask_);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &old_pipe_);
}

StopSignal::~StopSignal() {
  sigaction(SIGPIPE, &old_pipe_, nullptr);
  // One that is still pending would otherwise strike in the middle of an orderly end.
  while (!take().empty()) {
  }
  pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
}

std::string_view StopSignal::take() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info))
    return {};
  return info.ssi_signo == static_cast<unsigned>(SIGINT) ? "SIGINT" : "SIGTERM";
}

} // namespace kdq
