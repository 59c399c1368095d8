// The last resort for replies that the database could not take: a file whose space is reserved
// while there is some, so that it can be written on a full disk.
#pragma once

#include "store/job.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace kdq {

/// A reply as it arrived, and to which intent in the database it belongs.
struct SpilledReply {
  enum class Kind : unsigned char { not_sent, unanswered, answered };
  Intent intent;
  Kind kind = Kind::answered;
  int http_status = 0;
  std::string text; ///< the body; for not_sent and an empty body of unanswered, the reason
};

/// `<database>.spill`. Single-threaded; the instance lock keeps others away from it.
class SpillFile {
public:
  /// What is reserved: more than all requests in flight usually bring together.
  static constexpr std::size_t reserved_bytes = 16u << 20;

  explicit SpillFile(const std::filesystem::path& database);

  /// Creates the file and reserves its space; an existing one is kept as it is. Empty, or a
  /// sentence: there is no space, no right, or no plain file of ours under the name. Then write()
  /// may fail later.
  std::string reserve();

  /// The replies of the last write(), as many as are intact; empty after clear().
  std::vector<SpilledReply> read() const;

  /// Replaces the content, durably. False if not all of them could be written: those that read()
  /// gives are intact all the same.
  bool write(const std::vector<SpilledReply>& replies);

  /// Forgets the content, durably; the space stays reserved.
  bool clear() { return write({}); }

private:
  std::filesystem::path path_;
};

} // namespace kdq
