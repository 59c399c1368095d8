// The least that keeps a job durable: the scripts, which nothing changes, two tables that do
// change, the SQLite rules of the product.
#pragma once

#include "tests/bench/common/mixture.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kdq::bench {

struct LimitLine {
  std::string_view args, filename, level, unix_time, timestamp; ///< of the reply's text
  std::string message;
};

struct LimitJob {
  std::int64_t id = 0;
  std::string file_token;
  std::string script;
};

/// WAL, synchronous=NORMAL, and a sync of the log outside of the lock: what the daemon does.
class LimitStore {
public:
  LimitStore(const std::filesystem::path& file, std::int64_t jobs, const Mixture& mixture);
  ~LimitStore();

  void begin();
  /// Commits and returns when the commit is on disk.
  void commit();

  // Inside of a transaction.
  /// The intent of a POST: up to `most` jobs, which are now being submitted.
  void claim(std::size_t most, std::vector<LimitJob>& jobs);
  /// The task's id, and with it the intent of the GET.
  void started(std::int64_t job, std::string_view task);
  void ended(std::int64_t job, const std::vector<LimitLine>& lines, std::string_view result);

  /// Jobs that ended with four lines and a result: the check at the end.
  std::int64_t complete();

private:
  struct Statements;
  SQLite::Database database_;
  std::unique_ptr<Statements> statements_;
  std::int64_t last_claimed_ = 0;
};

} // namespace kdq::bench
