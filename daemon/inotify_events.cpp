#include "daemon/inotify_events.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace kdq {

void read_inotify_events(int inotify, const OnInotifyEvent& on_event) {
  alignas(inotify_event) std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t got = ::read(inotify, buffer.data(), buffer.size());
    if (got <= 0)
      return;
    for (ssize_t at = 0; at < got;) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name_begins = buffer.data() + at + sizeof event;
      at += static_cast<ssize_t>(sizeof event + event.len);
      on_event(event.mask, {name_begins, ::strnlen(name_begins, event.len)});
    }
  }
}

} // namespace kdq
