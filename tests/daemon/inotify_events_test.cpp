#include "daemon/inotify_events.h"

#include "store/base/unique_fd.h"
#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <sys/inotify.h>

#include <string>
#include <utility>
#include <vector>

using namespace kdq;

namespace {

using Events = std::vector<std::pair<std::uint32_t, std::string>>;

struct Fixture {
  Fixture() { REQUIRE(inotify); }
  void add(const std::filesystem::path& path, std::uint32_t mask) const {
    REQUIRE(::inotify_add_watch(inotify.get(), path.c_str(), mask) >= 0);
  }
  Events read() const {
    Events events;
    read_inotify_events(inotify.get(), [&](std::uint32_t mask, std::string_view name) {
      events.emplace_back(mask, name);
    });
    return events;
  }

  test::TempDir dir;
  UniqueFd inotify{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "events of a folder come in order, each with the entry's name") {
  add(dir.path(), IN_CREATE | IN_DELETE);
  dir.file("a", "");
  dir.file("a name of another length", "");
  std::filesystem::remove(dir / "a");
  CHECK(read() ==
        Events{{IN_CREATE, "a"}, {IN_CREATE, "a name of another length"}, {IN_DELETE, "a"}});
  CHECK(read().empty());
}

TEST_CASE_FIXTURE(Fixture, "an event of a file has no name") {
  const auto file = dir.file("a", "");
  add(file, IN_CLOSE_WRITE);
  dir.file("a", "b");
  CHECK(read() == Events{{IN_CLOSE_WRITE, ""}});
}

TEST_CASE_FIXTURE(Fixture, "more events than fit into one read are all there") {
  add(dir.path(), IN_CREATE);
  constexpr std::size_t count = 200; // each takes at least 32 bytes
  for (std::size_t i = 0; i < count; ++i)
    dir.file("file " + std::to_string(i), "");
  const Events events = read();
  REQUIRE(events.size() == count);
  CHECK(events.back().second == "file 199");
}
