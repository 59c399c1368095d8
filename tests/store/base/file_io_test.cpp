#include "store/base/file_io.h"

#include "store/base/unique_fd.h"
#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

using namespace kdq;

namespace {

/// What a pipe takes at once is less than this, so that both sides must go on in several steps.
const std::string large(1 << 20, 'x');

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    out = UniqueFd(ends[0]);
    in = UniqueFd(ends[1]);
  }
  UniqueFd out;
  UniqueFd in;
};

} // namespace

TEST_CASE("all is written and read, in however many steps it goes") {
  Pipe pipe;
  std::string got(large.size(), '\0');
  bool written = false;
  std::thread writer([&] { written = write_all(pipe.in.get(), large); });
  const bool read = read_all(pipe.out.get(), got);
  writer.join();
  CHECK(written);
  CHECK(read);
  CHECK(got == large);
}

TEST_CASE("where the file ends before, read_up_to() says how much there was") {
  const test::TempDir dir;
  const UniqueFd file(::open(dir.file("f", "abc").c_str(), O_RDONLY | O_CLOEXEC));
  std::string room(5, '.');
  CHECK(read_up_to(file.get(), room) == 3);
  CHECK(room == "abc..");
  CHECK(read_up_to(file.get(), room) == 0);
  CHECK(::lseek(file.get(), 0, SEEK_SET) == 0);
  CHECK_FALSE(read_all(file.get(), room));
}

TEST_CASE("no more is read than there is room for, and nothing is no error") {
  const test::TempDir dir;
  const UniqueFd file(::open(dir.file("f", "abc").c_str(), O_RDWR | O_CLOEXEC));
  std::string room(2, '.');
  CHECK(read_all(file.get(), room));
  CHECK(room == "ab");
  CHECK(read_all(file.get(), {}));
  CHECK(write_all(file.get(), ""));
}

TEST_CASE("a descriptor that cannot do it is an error, and errno says why") {
  const test::TempDir dir;
  const UniqueFd readable(::open(dir.file("f", "abc").c_str(), O_RDONLY | O_CLOEXEC));
  CHECK_FALSE(write_all(readable.get(), "x"));
  CHECK(errno == EBADF);
  const UniqueFd folder(::open(dir.path().c_str(), O_RDONLY | O_CLOEXEC));
  std::string room(1, '.');
  CHECK_FALSE(read_up_to(folder.get(), room));
  CHECK(errno == EISDIR);
}
