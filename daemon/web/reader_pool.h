// Connections for pages that are made at the same time.
#pragma once

#include "store/reader.h"

#include <condition_variable>
#include <mutex>

namespace kdq::web {

/// Lends a Reader to one thread at a time; a few at once. Thread-safe.
class ReaderPool {
public:
  /// `clock` bounds the time of reads; none: it does not matter.
  explicit ReaderPool(std::filesystem::path file, std::function<SteadyTime()> clock = {})
      : file_(std::move(file)), clock_(std::move(clock)) {}

  /// Runs `work` with a connection to the file that the name leads to now. Throws what Reader
  /// throws; StoreUnavailable also if all connections are busy for seconds.
  void with(const std::function<void(Reader&)>& work);

private:
  std::unique_ptr<Reader> take();

  std::filesystem::path file_;
  std::function<SteadyTime()> clock_;
  std::mutex mutex_; ///< guards what follows
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Reader>> idle_;
  int lent_ = 0;
};

} // namespace kdq::web
