// A library that is loaded into the daemon with LD_PRELOAD: how long it holds SQLite's write lock.
//
// In WAL mode that lock is byte 120 of the -shm file (sqlite.org/walformat.html, section 2.3.1:
// WAL_WRITE_LOCK), taken and given back with fcntl(2). No other lock of SQLite's is there: those of
// the database file are at 1 GiB. Who calls fcntl finds the functions of this library first; what
// is asked of them they leave to the C library, and look at the clock.
//
// At the end of the program the durations, in ns, one a line, are in the file that the environment
// names.
#include <dlfcn.h>
#include <fcntl.h>

#include <array>
#include <chrono>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>

namespace {

constexpr off_t write_lock_byte = 120;
constexpr char file_variable[] = "KDQ_LOCK_HOLDS_FILE";
// Room for hours of full speed; its pages take memory as they are used.
constexpr std::size_t most_holds = std::size_t{1} << 22;

std::int64_t now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

/// Static and never destroyed, because other libraries may lock until the very end. SQLite calls
/// with a mutex of the file's own held, hence no other.
struct Record {
  std::int64_t begin_ns = 0; ///< of the hold that lasts; 0: none
  std::size_t count = 0;     ///< all, of which the first `most_holds` are kept
  std::array<std::int64_t, most_holds> hold_ns;

  void begin() { begin_ns = now_ns(); }
  void end() {
    if (begin_ns == 0)
      return;
    if (count < most_holds)
      hold_ns[count] = now_ns() - begin_ns;
    ++count;
    begin_ns = 0;
  }
};

Record& record() {
  static constinit Record all{};
  return all;
}

/// Writes the record when the program ends by itself. Too many holds: no file, rather than a part;
/// none: it is another program that was given the same environment.
struct WriteAtExit {
  ~WriteAtExit() {
    const char* const file = std::getenv(file_variable);
    const Record& all = record();
    if (file == nullptr || all.count == 0 || all.count > most_holds)
      return;
    std::ofstream out(file);
    for (std::size_t i = 0; i < all.count; ++i)
      out << all.hold_ns[i] << '\n';
  }
};
const WriteAtExit write_at_exit;

int watched_fcntl(int fd, int command, void* argument) {
  static const auto real = reinterpret_cast<int (*)(int, int, ...)>(::dlsym(RTLD_NEXT, "fcntl64"));
  const int result = real(fd, command, argument);
  if ((command != F_SETLK && command != F_SETLKW) || result != 0)
    return result;
  const auto& lock = *static_cast<const struct flock*>(argument);
  if (lock.l_whence != SEEK_SET || lock.l_start != write_lock_byte || lock.l_len != 1)
    return result;
  if (lock.l_type == F_WRLCK)
    record().begin();
  else if (lock.l_type == F_UNLCK)
    record().end();
  return result;
}

} // namespace

// The third argument is an int, a pointer or nothing; the C library takes it in the same way.
extern "C" int fcntl64(int fd, int command, ...) {
  std::va_list rest;
  va_start(rest, command);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  return watched_fcntl(fd, command, argument);
}

extern "C" int fcntl(int fd, int command, ...) {
  std::va_list rest;
  va_start(rest, command);
  void* const argument = va_arg(rest, void*);
  va_end(rest);
  return watched_fcntl(fd, command, argument);
}
