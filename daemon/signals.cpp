#include "daemon/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace kdq {

Signals::Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP})
    sigaddset(&signals, signal);
  fd_ = UniqueFd(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd_)
    throw std::system_error(errno, std::generic_category(), "signals cannot be watched");
  pthread_sigmask(SIG_BLOCK, &signals, &old_mask_);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &old_pipe_);
}

Signals::~Signals() {
  sigaction(SIGPIPE, &old_pipe_, nullptr);
  // One that is still pending would otherwise strike in the middle of an orderly end.
  while (!take().empty()) {
  }
  pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
}

std::string_view Signals::take() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info))
    return {};
  switch (info.ssi_signo) {
  case SIGINT:
    return "SIGINT";
  case SIGHUP:
    return "SIGHUP";
  default:
    return "SIGTERM";
  }
}

} // namespace kdq
