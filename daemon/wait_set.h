// What one thread sleeps on: descriptors that are watched, and sockets that come and go.
#pragma once

#include "store/base/unique_fd.h"

#include <chrono>
#include <cstdint>
#include <vector>

namespace kdq {

/// An epoll set that asks the kernel for no more than it must: a socket for which nothing is wanted
/// between two requests stays in the set, as the next request wants the same again. That is safe
/// only for sockets whose end the set sees, so it opens and closes these itself. Others, which may
/// be closed behind its back and whose number may come back for a new one, leave the set at once.
///
/// Events are those of epoll_ctl(2). noexcept functions may be called from C.
class WaitSet {
public:
  /// Throws std::system_error if there can be none.
  WaitSet();

  /// `fd` is waited for until unwatch(). Throws std::system_error if it cannot be.
  void watch(int fd);

  /// Ends that; to be called before the descriptor is closed.
  void unwatch(int fd) noexcept;

  /// As socket(2): -1 if there is none.
  int open_socket(int domain, int type, int protocol) noexcept;
  /// As close(2), for what open_socket() gave.
  int close_socket(int fd) noexcept;
  /// From now on `events` of a socket are wanted; 0: none. False if memory is exhausted.
  bool want(int fd, std::uint32_t events) noexcept;

  struct Ready {
    int fd = -1;
    std::uint32_t events = 0;
    bool watched = false; ///< by watch()
  };
  /// Sleeps until something is ready, at most `longest` and 24 days. More may be ready than what is
  /// given; acting on the first may close the second. The list is valid until the next call.
  const std::vector<Ready>& wait(std::chrono::milliseconds longest);

private:
  struct Entry {
    std::uint32_t wanted = 0;
    std::uint32_t in_set = 0; ///< what the kernel reports; 0: the descriptor is not in the set
    bool own = false;         ///< opened by open_socket()
    bool watched = false;
  };
  Entry& entry(int fd);
  void forget(int fd, Entry& entry) noexcept;

  UniqueFd epoll_;
  std::vector<Entry> entries_; ///< by descriptor
  std::vector<Ready> ready_;
};

} // namespace kdq
