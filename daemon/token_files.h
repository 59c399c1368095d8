// Access tokens from files, read again whenever a file changes.
#pragma once

#include "poller/tokens.h"

#include <sys/stat.h>

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

namespace kdq {

/// Longer than any token seen, short enough for a URL.
inline constexpr std::size_t max_token_bytes = 8192;

/// Looks at the file (one stat) at each call of token(), so a new token counts from the next
/// request on. Refuses a file that others may read or that somebody else owns.
class TokenFiles : public Tokens {
public:
  /// `files` by app name. Files in `credentials_directory` (empty: none) may be group-readable:
  /// systemd gives the service access to its credentials by an ACL, which shows as group bits.
  explicit TokenFiles(std::map<std::string, std::filesystem::path> files,
                      std::filesystem::path credentials_directory = {});

  std::variant<std::string, TokenProblem> token(const std::string& app) override;

private:
  struct Known {
    struct stat as {}; ///< how the file looked when `answer` was made
    std::variant<std::string, TokenProblem> answer;
  };
  std::variant<std::string, TokenProblem> read(const std::filesystem::path& file,
                                               const std::string& app, struct stat& as) const;

  std::map<std::string, std::filesystem::path> files_;
  std::filesystem::path credentials_directory_;
  std::map<std::string, Known> known_;
};

} // namespace kdq
