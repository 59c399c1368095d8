#include "store/base/sibling_file.h"

#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

using namespace kdq;

namespace {

struct Fixture {
  test::TempDir dir;
  std::filesystem::path path = dir / "queue.db.spill";

  mode_t mode_of_file() const {
    struct stat info {};
    REQUIRE(::stat(path.c_str(), &info) == 0);
    return info.st_mode & 07777;
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture,
                  "a file is made for user and group whatever the umask is, and opened again") {
  const mode_t before = ::umask(077);
  CHECK(open_sibling(path, O_RDWR | O_CREAT));
  ::umask(before);
  CHECK(mode_of_file() == 0660);
  CHECK(open_sibling(path, O_RDONLY));
  CHECK(open_sibling(path, O_RDWR | O_CREAT, MadeBy::anybody));
}

TEST_CASE_FIXTURE(Fixture, "what is missing is not made unless it is asked for") {
  CHECK(!open_sibling(path, O_RDONLY));
  CHECK(errno == ENOENT);
  CHECK(!std::filesystem::exists(path));
}

TEST_CASE_FIXTURE(Fixture,
                  "links, pipes and folders under the name are neither opened nor waited for") {
  const std::filesystem::path victim = dir.file("victim", "abc");
  SUBCASE("symbolic link") {
    std::filesystem::create_symlink(victim, path);
  }
  SUBCASE("symbolic link to nothing") {
    std::filesystem::create_symlink(dir / "new", path);
  }
  SUBCASE("hard link") {
    std::filesystem::create_hard_link(victim, path);
  }
  SUBCASE("pipe") {
    REQUIRE(::mkfifo(path.c_str(), 0660) == 0);
  }
  SUBCASE("folder") {
    std::filesystem::create_directory(path);
  }
  for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR | O_CREAT})
    CHECK(!open_sibling(path, flags));
  CHECK(std::filesystem::file_size(victim) == 3);
  CHECK(!std::filesystem::exists(dir / "new"));
}

TEST_CASE_FIXTURE(Fixture, "a file that another user made is taken for the lock only") {
  if (::geteuid() != 0)
    return; // only root can give a file away; the rule for root is the same
  dir.file("queue.db.spill", "abc");
  REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
  CHECK(!open_sibling(path, O_RDWR | O_CREAT));
  CHECK(errno == EPERM);
  CHECK(open_sibling(path, O_RDWR | O_CREAT, MadeBy::anybody));
}
