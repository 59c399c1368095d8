#include "tests/sandbox/stop_event.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <poll.h>
#include <sys/eventfd.h>
#include <system_error>

namespace kdq::sandbox {

StopEvent::StopEvent() : event_(::eventfd(0, EFD_CLOEXEC)) {
  if (!event_) {
    throw std::system_error(errno, std::generic_category(), "eventfd");
  }
}

void StopEvent::set() {
  const std::uint64_t one = 1;
  // Cannot fail: the counter is nowhere near its end.
  [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

bool StopEvent::wait_for(std::chrono::milliseconds span) const {
  using std::chrono::steady_clock;
  const auto end = steady_clock::now() + span;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - steady_clock::now());
    const auto ms = std::clamp<std::chrono::milliseconds::rep>(left.count(), 0,
                                                               std::numeric_limits<int>::max());
    pollfd event{event_.get(), POLLIN, 0};
    if (::poll(&event, 1, static_cast<int>(ms)) > 0) {
      return true;
    }
    if (left.count() <= 0) {
      return false;
    }
  }
}

} // namespace kdq::sandbox
