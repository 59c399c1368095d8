#include "daemon/wait_set.h"

#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <memory>
#include <system_error>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

/// One end of a connection over loopback; the other one is the wait set's.
struct Peer {
  Peer() : listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    REQUIRE(::listen(listener.get(), 8) == 0); // on a free port of any address
    socklen_t length = sizeof address;
    REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  int connect(WaitSet& set) {
    const int fd = set.open_socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(fd >= 0);
    REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    accepted = UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    REQUIRE(accepted);
    return fd;
  }
  void send_byte() const { REQUIRE(::send(accepted.get(), "x", 1, MSG_NOSIGNAL) == 1); }

  UniqueFd listener;
  sockaddr_in address{};
  UniqueFd accepted;
};

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    out = UniqueFd(ends[0]);
    in = UniqueFd(ends[1]);
  }
  void send_byte() const { REQUIRE(::write(in.get(), "x", 1) == 1); }
  UniqueFd out;
  UniqueFd in;
};

/// Waits for exactly one to be ready; 60 s is what only a broken set needs.
WaitSet::Ready only_ready(WaitSet& set) {
  const auto& ready = set.wait(60s);
  REQUIRE(ready.size() == 1);
  return ready.front();
}

} // namespace

TEST_CASE("a socket is given for the events that are wanted of it, and for no others") {
  Peer peer;
  WaitSet set;
  const int fd = peer.connect(set);
  CHECK(set.wait(0ms).empty());
  REQUIRE(set.want(fd, EPOLLIN | EPOLLOUT));
  CHECK(only_ready(set).events == EPOLLOUT);
  REQUIRE(set.want(fd, EPOLLIN));
  CHECK(set.wait(0ms).empty());
  peer.send_byte();
  const auto ready = only_ready(set);
  CHECK(ready.fd == fd);
  CHECK(ready.events == EPOLLIN);
  CHECK_FALSE(ready.watched);
  set.close_socket(fd);
}

TEST_CASE("a socket of which nothing is wanted is silent until something is wanted again") {
  Peer peer;
  WaitSet set;
  const int fd = peer.connect(set);
  REQUIRE(set.want(fd, EPOLLIN));
  REQUIRE(set.want(fd, 0));
  SUBCASE("and readable only after that") {}
  SUBCASE("and readable before") {
    peer.send_byte();
    CHECK(set.wait(0ms).empty());
  }
  CHECK(set.wait(0ms).empty());
  REQUIRE(set.want(fd, EPOLLIN));
  peer.send_byte();
  CHECK(only_ready(set).fd == fd);
  set.close_socket(fd);
}

TEST_CASE("a new socket with the number of a closed one is waited for") {
  Peer first;
  Peer second;
  WaitSet set;
  const int fd = first.connect(set);
  REQUIRE(set.want(fd, EPOLLIN));
  SUBCASE("nothing was wanted any more") {
    REQUIRE(set.want(fd, 0));
  }
  SUBCASE("it was closed while waited for") {}
  SUBCASE("it was closed behind the set's back") {
    REQUIRE(::close(fd) == 0);
  }
  if (::fcntl(fd, F_GETFD) != -1)
    set.close_socket(fd);
  REQUIRE(second.connect(set) == fd);
  CHECK(set.wait(0ms).empty());
  REQUIRE(set.want(fd, EPOLLIN));
  second.send_byte();
  CHECK(only_ready(set).fd == fd);
  set.close_socket(fd);
}

TEST_CASE("a descriptor with the number of a closed socket is waited for") {
  Peer peer;
  WaitSet set;
  const int fd = peer.connect(set);
  REQUIRE(set.want(fd, EPOLLIN));
  REQUIRE(set.want(fd, 0));
  set.close_socket(fd);
  const Pipe pipe;
  REQUIRE(pipe.out.get() == fd);
  REQUIRE(set.want(fd, EPOLLIN));
  pipe.send_byte();
  CHECK(only_ready(set).fd == fd);
}

TEST_CASE("a descriptor that is closed elsewhere gives way to the next one of its number") {
  WaitSet set;
  auto first = std::make_unique<Pipe>();
  const int fd = first->out.get();
  REQUIRE(set.want(fd, EPOLLIN));
  SUBCASE("after it was said that nothing is wanted") {
    REQUIRE(set.want(fd, 0));
    first.reset();
  }
  SUBCASE("before it was said") {
    first.reset();
    REQUIRE(set.want(fd, 0));
  }
  SUBCASE("and nothing was said") {
    first.reset();
  }
  const Pipe second;
  REQUIRE(second.out.get() == fd);
  REQUIRE(set.want(fd, EPOLLIN));
  second.send_byte();
  CHECK(only_ready(set).fd == fd);
}

TEST_CASE("a watched descriptor is given again and again, marked as such") {
  const Pipe pipe;
  WaitSet set;
  set.watch(pipe.out.get());
  CHECK(set.wait(0ms).empty());
  pipe.send_byte();
  for (int i = 0; i < 2; ++i) {
    const auto ready = only_ready(set);
    CHECK(ready.fd == pipe.out.get());
    CHECK(ready.watched);
  }
}

TEST_CASE("a descriptor that is not watched any more gives way to the next one of its number") {
  WaitSet set;
  auto first = std::make_unique<Pipe>();
  const int fd = first->out.get();
  set.watch(fd);
  first->send_byte();
  set.unwatch(fd);
  CHECK(set.wait(0ms).empty());
  first.reset();
  const Pipe second;
  REQUIRE(second.out.get() == fd);
  SUBCASE("which is watched") {
    set.watch(fd);
    second.send_byte();
    CHECK(only_ready(set).watched);
  }
  SUBCASE("which is not") {
    REQUIRE(set.want(fd, EPOLLIN));
    second.send_byte();
    CHECK_FALSE(only_ready(set).watched);
  }
}

TEST_CASE("what cannot be waited for is refused") {
  const TempDir dir;
  const UniqueFd file(::open((dir / "file").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  REQUIRE(file);
  WaitSet set;
  CHECK_THROWS_AS(set.watch(file.get()), std::system_error);
  CHECK_FALSE(set.want(file.get(), EPOLLIN));
}
