// What systemd is told: ready, status, alive, stopping.
#pragma once

#include "poller/clock.h"

#include <chrono>
#include <string>

namespace kdq {

/// Does nothing at all when no service manager listens (NOTIFY_SOCKET is not set). A message that
/// cannot be delivered is dropped: the work goes on.
class ServiceManager {
public:
  ServiceManager();

  void ready();
  /// Until ready() is said again.
  void reloading();
  void stopping();
  /// The start takes longer: it is not to be given up within this time.
  void still_starting(std::chrono::seconds at_least);
  /// One line for `systemctl status`; sent only if it differs from the last one.
  void status(const std::string& text);

  /// Tells the watchdog that the loop turns, if it is time to. Returns when to come again: twice in
  /// the interval that the manager asked for; SteadyTime::max() if it asked for none.
  SteadyTime alive(SteadyTime now);

private:
  std::chrono::milliseconds interval_{0}; ///< 0: no watchdog
  SteadyTime next_alive_ = SteadyTime::min();
  std::string last_status_;
};

} // namespace kdq
