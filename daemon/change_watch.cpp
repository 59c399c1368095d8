#include "daemon/change_watch.h"

#include "daemon/inotify_events.h"
#include "store/base/descriptors.h"

#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

namespace kdq {

using namespace std::chrono_literals;

namespace {

/// Waits before the looks after an event that this process cannot have caused: 0.2, 0.4, … 819 ms.
/// A commit becomes visible after its fsync: 13 ms are enough for a disk at rest, but a busy one
/// was seen to take longer, and then the INSERT would wait for the sweep.
constexpr std::chrono::microseconds first_look = 200us;
constexpr int look_factor = 2;
/// Waits after events that may all be our own: 1.6, 12.8, 102 and 819 ms.
constexpr std::chrono::microseconds first_look_after_own = 1600us;
constexpr int look_factor_after_own = 8;
constexpr std::chrono::microseconds last_look = 819200us;

constexpr std::chrono::milliseconds sweep = 5s;
constexpr std::chrono::milliseconds sweep_without_inotify = 500ms;

constexpr std::uint32_t watched = IN_MODIFY | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE |
                                  IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t renaming = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
constexpr std::uint32_t folder_gone = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;

} // namespace

ChangeWatch::ChangeWatch(const std::filesystem::path& database)
    : database_name_(database.filename()), wal_name_(database_name_ + "-wal"),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (!timer_)
    throw std::system_error(errno, std::generic_category(), "no timer can be created");
  const auto folder = database.has_parent_path() ? database.parent_path() : ".";
  inotify_ = UniqueFd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_ || ::inotify_add_watch(inotify_.get(), folder.c_str(), watched) < 0) {
    trouble_ = "new jobs are looked for twice a second only, because inotify cannot be used: " +
               or_descriptor_shortage(std::strerror(errno) +
                                      std::string(" (the limits are in /proc/sys/fs/inotify)"));
    inotify_ = UniqueFd();
  }
}

std::vector<int> ChangeWatch::descriptors() const {
  if (!inotify_)
    return {timer_.get()};
  return {inotify_.get(), timer_.get()};
}

void ChangeWatch::woke() {
  if (read_events()) {
    events_before_look_ = true;
    begin_series(first_look, look_factor);
    return;
  }
  std::uint64_t expirations = 0;
  if (::read(timer_.get(), &expirations, sizeof expirations) > 0)
    arm(delay_ * factor_ <= last_look ? delay_ * factor_ : 0us);
}

void ChangeWatch::looked(bool saw_change, SteadyTime now) {
  // A writer whose event was read by the last woke() may not be visible yet although an earlier one
  // is: only a look that no event preceded ends the series. Writers take turns, so none is missed.
  if (saw_change && !events_before_look_)
    arm(0us);
  events_before_look_ = false;
  if (read_events()) {
    const bool foreign_expected = delay_ > 0us;
    begin_series(foreign_expected ? first_look : first_look_after_own,
                 foreign_expected ? look_factor : look_factor_after_own);
  }
  next_sweep_ = now + (inotify_ ? sweep : sweep_without_inotify);
}

/// Reads all that waits; true if any of it concerns the database.
bool ChangeWatch::read_events() {
  if (!inotify_)
    return false;
  bool relevant = false;
  read_inotify_events(inotify_.get(), [&](std::uint32_t mask, std::string_view name) {
    const bool any_name = (mask & (IN_Q_OVERFLOW | folder_gone)) != 0;
    if (any_name || name == database_name_ || name == wal_name_)
      relevant = true;
    if (any_name || ((mask & renaming) != 0 && name.starts_with(database_name_)))
      names_changed_ = true;
  });
  return relevant;
}

void ChangeWatch::begin_series(std::chrono::microseconds first, int factor) {
  factor_ = factor;
  arm(first);
}

/// Zero: no look is planned any more.
void ChangeWatch::arm(std::chrono::microseconds delay) {
  delay_ = delay;
  itimerspec when{};
  when.it_value.tv_nsec = std::chrono::nanoseconds(delay).count();
  ::timerfd_settime(timer_.get(), 0, &when, nullptr);
}

} // namespace kdq
