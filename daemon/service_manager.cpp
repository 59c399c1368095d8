#include "daemon/service_manager.h"

#include <systemd/sd-daemon.h>

#include <algorithm>

namespace kdq {

ServiceManager::ServiceManager() {
  std::uint64_t watchdog_us = 0;
  if (sd_watchdog_enabled(0, &watchdog_us) > 0) {
    // Half of it, as sd_watchdog_enabled(3) recommends.
    const auto half = std::chrono::microseconds(watchdog_us / 2);
    interval_ =
        std::max(std::chrono::milliseconds(1), std::chrono::floor<std::chrono::milliseconds>(half));
  }
}

void ServiceManager::ready() {
  sd_notify(0, "READY=1");
}

void ServiceManager::reloading() {
  sd_notify(0, "RELOADING=1");
}

void ServiceManager::still_starting(std::chrono::seconds at_least) {
  const auto microseconds = std::chrono::microseconds(at_least).count();
  sd_notify(0, ("EXTEND_TIMEOUT_USEC=" + std::to_string(microseconds)).c_str());
}

void ServiceManager::stopping() {
  sd_notify(0, "STOPPING=1");
}

void ServiceManager::status(const std::string& text) {
  if (text == last_status_)
    return;
  last_status_ = text;
  std::string line = text;
  std::replace(line.begin(), line.end(), '\n', ' '); // a line break would begin another variable
  sd_notify(0, ("STATUS=" + line).c_str());
}

SteadyTime ServiceManager::alive(SteadyTime now) {
  if (interval_.count() == 0)
    return SteadyTime::max();
  if (now >= next_alive_) {
    sd_notify(0, "WATCHDOG=1");
    next_alive_ = now + interval_;
  }
  return next_alive_;
}

} // namespace kdq
