// What waits in an inotify descriptor, event by event.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace kdq {

/// `mask`: the IN_… flags. `name`: of the entry in a watched folder, else empty; valid during the
/// call only.
using OnInotifyEvent = std::function<void(std::uint32_t mask, std::string_view name)>;

/// Reads all events that wait, and returns. `inotify` must not block.
void read_inotify_events(int inotify, const OnInotifyEvent& on_event);

} // namespace kdq
