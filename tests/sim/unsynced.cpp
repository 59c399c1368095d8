#include "tests/sim/unsynced.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace kdq::sim {
namespace {

// Disks write sectors whole.
constexpr std::size_t sector_bytes = 512;

class Descriptor {
public:
  explicit Descriptor(const std::string& path) : fd_(open(path.c_str(), O_RDWR | O_CLOEXEC)) {}
  ~Descriptor() {
    if (fd_ >= 0)
      close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

private:
  int fd_;
};

void require(bool done) {
  if (!done)
    throw std::runtime_error("the simulation cannot change a file of its own");
}

void put(int fd, const std::string& bytes, std::size_t count, std::int64_t offset) {
  require(pwrite(fd, bytes.data(), count, offset) == static_cast<ssize_t>(count));
}

void undo(int fd, const FileChange& change) {
  put(fd, change.old_bytes, change.old_bytes.size(), change.offset);
  require(ftruncate(fd, change.size_before) == 0);
}

void redo(int fd, const FileChange& change, std::size_t bytes) {
  if (change.truncate)
    require(ftruncate(fd, change.offset) == 0);
  else
    put(fd, change.new_bytes, bytes, change.offset);
}

} // namespace

void UnsyncedFile::cut(Forget forget, Random& random) {
  if (changes_.empty())
    return;
  const Descriptor file(path_);
  if (file.get() < 0) {
    changes_.clear(); // deleted since
    return;
  }
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change)
    undo(file.get(), *change);
  const std::size_t torn = forget == Forget::torn ? random.below(changes_.size()) : changes_.size();
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const std::size_t whole = changes_[i].new_bytes.size();
    if (i == torn)
      redo(file.get(), changes_[i],
           std::min(whole, random.below(whole / sector_bytes + 1) * sector_bytes));
    else if (forget != Forget::all && random.chance(50))
      redo(file.get(), changes_[i], whole);
  }
  changes_.clear();
}

} // namespace kdq::sim
