#include "store/base/descriptors.h"

#include "store/base/unique_fd.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace kdq {
namespace {

// Some programs close all that they might have, one after the other: not a million.
constexpr rlim_t most_descriptors = 65'536;
// What failed may have given some back: to look up a name takes two pipes' ends and a socket.
constexpr std::size_t a_few = 4;

} // namespace

std::string descriptor_shortage() {
  std::array<UniqueFd, a_few> probes;
  const auto opens = [](UniqueFd& fd) {
    fd = UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return static_cast<bool>(fd);
  };
  if (std::all_of(probes.begin(), probes.end(), opens))
    return {};
  if (errno == ENFILE)
    return "too many open files on this machine: the limit is in /proc/sys/fs/file-max";
  if (errno != EMFILE)
    return {};
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return "too many open files: this process may have " + std::to_string(limit.rlim_cur) +
         " (LimitNOFILE= of the service, or ulimit -n)";
}

std::string or_descriptor_shortage(std::string sentence) {
  std::string shortage = descriptor_shortage();
  return shortage.empty() ? std::move(sentence) : std::move(shortage);
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  const rlim_t wanted = std::min(limit.rlim_max, most_descriptors);
  if (limit.rlim_cur >= wanted)
    return;
  limit.rlim_cur = wanted;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace kdq
