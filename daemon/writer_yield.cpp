#include "daemon/writer_yield.h"

#include "daemon/inotify_events.h"

#include <poll.h>
#include <sys/inotify.h>

#include <algorithm>

namespace kdq {
namespace {

// A row of shells, each of which comes before the last one's patience is over, must not keep the
// daemon from writing: at most so many waits.
constexpr int most_waits = 12;

} // namespace

WriterYield::WriterYield(const std::filesystem::path& database, std::chrono::milliseconds patience)
    : inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
      patience_ms_(static_cast<int>(patience.count())) {
  // On the file itself: its -wal is open as long as it is.
  if (inotify_ && ::inotify_add_watch(inotify_.get(), database.c_str(),
                                      IN_OPEN | IN_CLOSE_WRITE | IN_CLOSE_NOWRITE) < 0)
    inotify_ = UniqueFd();
}

void WriterYield::yield() {
  if (!inotify_)
    return;
  open_ = 0;
  if (!someone_came())
    return;
  for (int waits = 0; waits < most_waits && open_ > 0; ++waits) {
    pollfd fd{inotify_.get(), POLLIN, 0};
    if (::poll(&fd, 1, patience_ms_) <= 0)
      return; // it is in no hurry: a shell that somebody types into
    someone_came();
  }
}

/// Reads what has happened; true if the file was opened and is not known to be closed.
bool WriterYield::someone_came() {
  read_inotify_events(inotify_.get(), [this](std::uint32_t mask, std::string_view) {
    // Who opened it before the last call and closes it now is nobody to wait for.
    open_ = (mask & IN_OPEN) != 0 ? open_ + 1 : std::max(0, open_ - 1);
  });
  return open_ > 0;
}

} // namespace kdq
