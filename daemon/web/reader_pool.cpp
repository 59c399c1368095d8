#include "daemon/web/reader_pool.h"

#include "store/database.h"

namespace kdq::web {
namespace {

/// More would only contend for two or four processors, and each has some MiB of memory.
constexpr int most_readers = 4;
constexpr std::chrono::seconds patience{5};

} // namespace

std::unique_ptr<Reader> ReaderPool::take() {
  std::unique_lock lock(mutex_);
  if (!returned_.wait_for(lock, patience, [&] { return lent_ < most_readers; }))
    throw StoreUnavailable("too many pages are asked for at once");
  ++lent_;
  if (idle_.empty())
    return nullptr;
  std::unique_ptr<Reader> reader = std::move(idle_.back());
  idle_.pop_back();
  return reader;
}

void ReaderPool::with(const std::function<void(Reader&)>& work) {
  std::unique_ptr<Reader> reader = take();
  struct Return {
    ReaderPool& pool;
    std::unique_ptr<Reader>& reader;
    bool sound = false;
    ~Return() {
      const std::lock_guard lock(pool.mutex_);
      --pool.lent_;
      if (sound)
        pool.idle_.push_back(std::move(reader));
      pool.returned_.notify_one();
    }
  } give_back{*this, reader};
  if (!reader || reader->is_outdated())
    reader = std::make_unique<Reader>(file_, clock_);
  work(*reader);
  give_back.sound = true; // after an error a new one is opened: the file may be another one
}

} // namespace kdq::web
