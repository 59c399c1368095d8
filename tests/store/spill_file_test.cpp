#include "store/spill_file.h"
#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

using namespace kdq;

namespace {

struct Fixture {
  test::TempDir dir;
  SpillFile file{dir.path() / "queue.db"};
  std::filesystem::path path = dir.path() / "queue.db.spill";
  const Intent seven{JobId{7}, 2, Endpoint::status, WallTime(std::chrono::milliseconds(1234)), 5};
  const Intent eight{JobId{8}, 1, Endpoint::submit, WallTime{}, 1};
  const std::vector<SpilledReply> two = {
      {seven, SpilledReply::Kind::answered, 200, std::string("a\0b", 3)},
      {eight, SpilledReply::Kind::unanswered, 0, "cut"}};
};

} // namespace

TEST_CASE_FIXTURE(Fixture,
                  "what was written is read back, also by another run, until it is cleared") {
  REQUIRE(file.reserve() == "");
  CHECK(std::filesystem::file_size(path) == SpillFile::reserved_bytes);
  CHECK(file.read().empty());
  REQUIRE(file.write(two));
  REQUIRE(file.reserve() == ""); // the next run's start
  const auto read = SpillFile(dir.path() / "queue.db").read();
  REQUIRE(read.size() == 2);
  CHECK(read[0].intent.job == JobId{7});
  CHECK(read[0].intent.attempt == 2);
  CHECK(read[0].intent.endpoint == Endpoint::status);
  CHECK(read[0].intent.sent_at == seven.sent_at);
  CHECK(read[0].intent.rev == 5);
  CHECK(read[0].text == std::string("a\0b", 3));
  CHECK(read[0].http_status == 200);
  CHECK(read[1].kind == SpilledReply::Kind::unanswered);
  REQUIRE(file.clear());
  CHECK(file.read().empty());
}

TEST_CASE_FIXTURE(Fixture, "a shorter content hides the longer one before it") {
  REQUIRE(file.write(two));
  REQUIRE(file.write({two[1]}));
  CHECK(file.read().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a damaged record ends the content, those before it are intact") {
  REQUIRE(file.write(two));
  const int fd = open(path.c_str(), O_RDWR);
  REQUIRE(fd >= 0);
  char last = 0;
  const off_t at = 2 * 56 + 3 + 2;
  REQUIRE(pread(fd, &last, 1, at) == 1);
  REQUIRE(last == 't');
  REQUIRE(pwrite(fd, "X", 1, at) == 1);
  close(fd);
  const auto read = file.read();
  REQUIRE(read.size() == 1);
  CHECK(read[0].intent.job == JobId{7});
}

TEST_CASE_FIXTURE(Fixture, "what somebody put in its place is not touched, and said") {
  const std::filesystem::path victim = dir.file("victim", "abc");
  std::filesystem::create_symlink(victim, path);
  CHECK(file.reserve().find("cannot be used") != std::string::npos);
  CHECK(file.read().empty());
  CHECK_FALSE(file.write(two));
  CHECK(std::filesystem::file_size(victim) == 3);
}

TEST_CASE_FIXTURE(Fixture, "no file, or an empty one, has no replies") {
  CHECK(file.read().empty());
  REQUIRE(file.reserve() == "");
  CHECK(file.read().empty());
}
