#include "daemon/instance_lock.h"

#include "tests/support/no_descriptors.h"
#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <functional>

using namespace kdq;
using namespace kdq::test;

namespace {

/// Runs `part` in another process and returns its exit code.
int in_other_process(const std::function<int()>& part) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0)
    ::_exit(part());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

} // namespace

TEST_CASE("a second process is refused and told the first one's pid") {
  const TempDir dir;
  const auto database = dir / "queue.db";
  const InstanceLock lock(database);
  const std::string pid = std::to_string(::getpid());
  const int code = in_other_process([&] {
    try {
      const InstanceLock second(database);
      return 1;
    } catch (const LockError& error) {
      const std::string what = error.what();
      const bool names = what.find("process " + pid + ";") != std::string::npos &&
                         what.find(database.string()) != std::string::npos;
      return names ? 0 : 2;
    }
  });
  CHECK(code == 0);
  CHECK_FALSE(std::filesystem::exists(database));
}

TEST_CASE("the lock ends with its process, however that ends, and can be taken again") {
  const TempDir dir;
  const auto database = dir / "queue.db";
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const InstanceLock lock(database);
    static_cast<void>(!::write(pipe[1], "x", 1));
    for (;;)
      ::pause();
  }
  char ready = 0;
  REQUIRE(::read(pipe[0], &ready, 1) == 1);
  CHECK(InstanceLock::holder(database) == std::to_string(child));
  CHECK_THROWS_AS(InstanceLock{database}, LockError);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
  CHECK_FALSE(InstanceLock::holder(database));
  const InstanceLock again(database);
  CHECK(InstanceLock::holder(database) == std::to_string(::getpid()));
}

TEST_CASE("asking for the holder creates nothing") {
  const TempDir dir;
  CHECK_FALSE(InstanceLock::holder(dir / "queue.db"));
  CHECK(std::filesystem::is_empty(dir.path()));
}

TEST_CASE("the lock file can be used by the group, whatever the umask is") {
  const TempDir dir;
  const mode_t old = ::umask(0077);
  const InstanceLock lock(dir / "queue.db");
  ::umask(old);
  struct stat info {};
  REQUIRE(::stat((dir / "queue.db.lock").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0660);
}

TEST_CASE("nonsense in the lock file is not repeated as a pid") {
  const TempDir dir;
  { std::ofstream(dir / "queue.db.lock") << "<script>\n\x1b[31m"; }
  const InstanceLock lock(dir / "queue.db");
  { std::ofstream(dir / "queue.db.lock") << "12; rm\n"; }
  CHECK(InstanceLock::holder(dir / "queue.db") == "12");
  { std::ofstream(dir / "queue.db.lock") << "\x1b[31m"; }
  CHECK(InstanceLock::holder(dir / "queue.db") == "?");
}

TEST_CASE("a folder that does not exist is a sentence") {
  CHECK_THROWS_WITH_AS(InstanceLock{"/nowhere/queue.db"},
                       doctest::Contains("/nowhere/queue.db.lock"), LockError);
}

TEST_CASE("a lock that cannot be taken for want of descriptors says so") {
  const TempDir dir;
  const auto database = dir / "queue.db";
  std::string told;
  try {
    const NoDescriptors none;
    const InstanceLock lock(database);
  } catch (const LockError& error) {
    told = error.what();
  }
  CHECK(told.find("cannot be opened: too many open files: this process") != std::string::npos);
  CHECK(told.find("writable") == std::string::npos);
}

TEST_CASE("a lock file that is removed or replaced is not in place") {
  TempDir dir;
  const InstanceLock lock(dir / "queue.db");
  CHECK(!lock.displaced());
  std::filesystem::remove(dir / "queue.db.lock");
  CHECK(lock.displaced() == dir / "queue.db.lock");
  const InstanceLock other(dir / "queue.db");
  CHECK(lock.displaced() == dir / "queue.db.lock");
  CHECK(!other.displaced());
}
