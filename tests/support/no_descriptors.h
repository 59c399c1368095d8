// A process that can open nothing more.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace kdq::test {

/// As long as this lives no descriptor is left.
class NoDescriptors {
public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &old_);
    const int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest_free);
    const rlimit none{static_cast<rlim_t>(lowest_free), old_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &old_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

private:
  rlimit old_{};
};

} // namespace kdq::test
