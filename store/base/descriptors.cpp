#include "store/base/descriptors.h"

#include "store/base/unique_fd.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

namespace kdq {
namespace {

// Some programs close all that they might have, one after the other: not a million.
constexpr rlim_t most_descriptors = 65'536;

} // namespace

std::string descriptor_shortage() {
  const UniqueFd probe(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (probe)
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
