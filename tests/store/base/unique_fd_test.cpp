#include "store/base/unique_fd.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/eventfd.h>

using namespace kdq;

namespace {

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) != -1;
}

UniqueFd any() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC));
  REQUIRE(fd);
  return fd;
}

} // namespace

TEST_CASE("a descriptor is closed with its owner") {
  int number = -1;
  {
    const UniqueFd fd = any();
    number = fd.get();
    CHECK(is_open(number));
  }
  CHECK_FALSE(is_open(number));
}

TEST_CASE("moving hands it on, and closes at once what was owned before") {
  UniqueFd a = any();
  UniqueFd b = any();
  const int first = a.get();
  const int second = b.get();
  a = std::move(b);
  CHECK_FALSE(is_open(first));
  CHECK(a.get() == second);
  a = UniqueFd();
  CHECK_FALSE(a);
  CHECK_FALSE(is_open(second));
}

TEST_CASE("release() gives it away open") {
  UniqueFd fd = any();
  const UniqueFd again(fd.release());
  CHECK_FALSE(fd);
  CHECK(is_open(again.get()));
}
