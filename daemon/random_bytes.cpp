#include "daemon/random_bytes.h"

#include <sys/random.h>

#include <stdexcept>

namespace kdq {

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (::getrandom(bytes.data(), count, 0) != static_cast<ssize_t>(count))
    throw std::runtime_error("the system has no random numbers");
  return bytes;
}

} // namespace kdq
