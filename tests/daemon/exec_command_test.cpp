#include "daemon/exec_command.h"

#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

using namespace kdq;
using namespace kdq::test;

TEST_CASE("a script is read as it is, from a file or from a pipe") {
  const TempDir dir;
  const std::string text = std::string("console.log(\"执行\")\r\n") + '\0' + "x";
  CHECK(read_script(dir.file("a.js", text), -1, 100) == text);
  const std::string exact(200'000, 'x');
  CHECK(read_script(dir.file("b.js", exact), -1, 200'000) == exact);
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  REQUIRE(::write(ends[1], "1 + 1", 5) == 5);
  ::close(ends[1]);
  CHECK(read_script("-", ends[0], 100) == "1 + 1");
  ::close(ends[0]);
}

TEST_CASE("a script that is none is refused with its name and the reason") {
  const TempDir dir;
  const std::string name = dir / "a.js";
  const auto refused = [&](const char* why) {
    CHECK_THROWS_WITH_AS(read_script(name, -1, 10), doctest::Contains(why), std::runtime_error);
  };
  refused("a.js cannot be read: No such file or directory");
  dir.file("a.js", "");
  refused("a.js is empty");
  dir.file("a.js", "ab\xE4\xBD");
  refused("is not UTF-8: its byte 3 is part of no character");
  dir.file("a.js", "12345678901");
  refused("has more than 10 bytes (max_script_bytes in the daemon's configuration)");
  CHECK_THROWS_WITH_AS(read_script(dir.path(), -1, 10), doctest::Contains("Is a directory"),
                       std::runtime_error);
  CHECK_THROWS_WITH_AS(read_script("-", -1, 10),
                       "the script on standard input cannot be read: Bad file descriptor",
                       std::runtime_error);
}
