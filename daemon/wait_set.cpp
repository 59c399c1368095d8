#include "daemon/wait_set.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <new>
#include <system_error>

namespace kdq {

using namespace std::chrono_literals;

WaitSet::WaitSet() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_)
    throw std::system_error(errno, std::generic_category(), "no epoll set can be created");
}

WaitSet::Entry& WaitSet::entry(int fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= entries_.size())
    entries_.resize(index + 1);
  return entries_[index];
}

void WaitSet::watch(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "a descriptor cannot be watched");
  entry(fd).watched = true;
}

void WaitSet::unwatch(int fd) noexcept {
  forget(fd, entries_[static_cast<std::size_t>(fd)]);
  entries_[static_cast<std::size_t>(fd)].watched = false;
}

int WaitSet::open_socket(int domain, int type, int protocol) noexcept {
  UniqueFd socket(::socket(domain, type | SOCK_CLOEXEC, protocol));
  if (!socket)
    return -1;
  try {
    Entry fresh; // the kernel has dropped what had this number before
    fresh.own = true;
    entry(socket.get()) = fresh;
  } catch (const std::bad_alloc&) {
    socket = UniqueFd();
    errno = ENOMEM;
    return -1;
  }
  return socket.release();
}

int WaitSet::close_socket(int fd) noexcept {
  if (static_cast<std::size_t>(fd) < entries_.size())
    entries_[static_cast<std::size_t>(fd)] = Entry{};
  return ::close(fd); // this takes it out of the set
}

void WaitSet::forget(int fd, Entry& entry) noexcept {
  epoll_event unused{};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, &unused); // fails if it is closed: then it is out
  entry.in_set = 0;
}

bool WaitSet::want(int fd, std::uint32_t events) noexcept {
  try {
    Entry& known = entry(fd);
    known.wanted = events;
    if (known.own && (events == 0 || events == known.in_set))
      return true;
    if (events == 0) {
      forget(fd, known);
      return true;
    }
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    const auto tell = [&](int operation) {
      return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
    };
    // A number that is not one of our own may mean another descriptor than before.
    const bool told = known.in_set != 0
                          ? tell(EPOLL_CTL_MOD) || (errno == ENOENT && tell(EPOLL_CTL_ADD))
                          : tell(EPOLL_CTL_ADD) || (errno == EEXIST && tell(EPOLL_CTL_MOD));
    known.in_set = told ? events : 0;
    return told;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

const std::vector<WaitSet::Ready>& WaitSet::wait(std::chrono::milliseconds longest) {
  constexpr std::chrono::milliseconds limit{std::numeric_limits<int>::max()};
  std::array<epoll_event, 128> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                 static_cast<int>(std::clamp(longest, 0ms, limit).count()));
  if (count < 0 && errno != EINTR)
    throw std::system_error(errno, std::generic_category(), "epoll_wait");
  ready_.clear();
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    Entry& known = entry(event.data.fd);
    if (known.watched || known.wanted != 0)
      ready_.push_back({event.data.fd, event.events, known.watched});
    else
      forget(event.data.fd, known); // such as a kept connection that the server closes
  }
  return ready_;
}

} // namespace kdq
