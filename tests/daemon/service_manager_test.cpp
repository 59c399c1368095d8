#include "daemon/service_manager.h"

#include "store/base/unique_fd.h"
#include "tests/daemon/scoped_env.h"
#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

/// Stands in for systemd: the socket that NOTIFY_SOCKET names.
class NotifySocket {
public:
  NotifySocket() : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    REQUIRE(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  std::string path() const { return dir_ / "notify"; }

  std::vector<std::string> messages() const {
    std::vector<std::string> all;
    char bytes[4096];
    for (;;) {
      const ssize_t got = ::recv(fd_.get(), bytes, sizeof bytes, 0);
      if (got < 0)
        return all;
      all.emplace_back(bytes, static_cast<std::size_t>(got));
    }
  }

private:
  TempDir dir_;
  UniqueFd fd_;
};

using Messages = std::vector<std::string>;

} // namespace

TEST_CASE("the service manager is told of ready, stopping and a status that changed") {
  const NotifySocket socket;
  const ScopedEnv notify("NOTIFY_SOCKET", socket.path().c_str());
  const ScopedEnv no_watchdog("WATCHDOG_USEC", nullptr);
  ServiceManager service;
  service.ready();
  service.status("1 running");
  service.status("1 running");
  service.status("2\nrunning");
  service.stopping();
  CHECK(socket.messages() ==
        Messages{"READY=1", "STATUS=1 running", "STATUS=2 running", "STOPPING=1"});
}

TEST_CASE("the watchdog is served twice in the interval that was asked for, and not more often") {
  const NotifySocket socket;
  const ScopedEnv notify("NOTIFY_SOCKET", socket.path().c_str());
  const ScopedEnv watchdog("WATCHDOG_USEC", "30000000");
  const ScopedEnv pid("WATCHDOG_PID", std::to_string(::getpid()).c_str());
  ServiceManager service;
  const SteadyTime start{1h};
  CHECK(service.alive(start) == start + 15s);
  CHECK(service.alive(start + 14999ms) == start + 15s);
  CHECK(socket.messages() == Messages{"WATCHDOG=1"});
  CHECK(service.alive(start + 16s) == start + 31s);
  CHECK(socket.messages() == Messages{"WATCHDOG=1"});
}

TEST_CASE("without a watchdog or for another process there is nothing to serve") {
  const NotifySocket socket;
  const ScopedEnv notify("NOTIFY_SOCKET", socket.path().c_str());
  const ScopedEnv watchdog("WATCHDOG_USEC", "30000000");
  const ScopedEnv pid("WATCHDOG_PID", "1");
  ServiceManager service;
  CHECK(service.alive(SteadyTime{1h}) == SteadyTime::max());
  CHECK(socket.messages().empty());
}

TEST_CASE("without a service manager, or with one that is gone, nothing happens") {
  const ScopedEnv no_watchdog("WATCHDOG_USEC", nullptr);
  for (const char* address : {static_cast<const char*>(nullptr), "/nowhere/notify"}) {
    const ScopedEnv notify("NOTIFY_SOCKET", address);
    ServiceManager service;
    service.ready();
    service.status("fine");
    service.stopping();
    CHECK(service.alive(SteadyTime{1h}) == SteadyTime::max());
  }
}
