#include "daemon/signals.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

using namespace kdq;

namespace {

bool readable(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

} // namespace

TEST_CASE("SIGTERM, SIGINT and SIGHUP do not end the process but can be waited for and taken") {
  Signals stop;
  CHECK_FALSE(readable(stop.fd()));
  CHECK(stop.take().empty());
  ::kill(::getpid(), SIGTERM);
  CHECK(readable(stop.fd()));
  CHECK(stop.take() == "SIGTERM");
  CHECK(stop.take().empty());
  ::kill(::getpid(), SIGINT);
  CHECK(stop.take() == "SIGINT");
  ::kill(::getpid(), SIGHUP);
  CHECK(stop.take() == "SIGHUP");
}

TEST_CASE("a write to a closed connection is an error, not the end of the process") {
  const Signals stop;
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  ::close(ends[0]);
  CHECK(::write(ends[1], "x", 1) == -1);
  CHECK(errno == EPIPE);
  ::close(ends[1]);
}

TEST_CASE("signals are as before once it has gone") {
  sigset_t before;
  sigset_t after;
  sigprocmask(SIG_SETMASK, nullptr, &before);
  {
    const Signals stop;
    sigprocmask(SIG_SETMASK, nullptr, &after);
    CHECK(sigismember(&after, SIGTERM) == 1);
  }
  sigprocmask(SIG_SETMASK, nullptr, &after);
  CHECK(sigismember(&after, SIGTERM) == sigismember(&before, SIGTERM));
  CHECK(sigismember(&after, SIGINT) == sigismember(&before, SIGINT));
}
