// Access tokens from files, read again whenever a file changes.
#pragma once

#include "poller/tokens.h"

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>

namespace kdq {

/// Where an app's token is: in a file that somebody else keeps fresh, or in a store that is kept
/// fresh here. All paths are absolute; what is not used is empty.
struct TokenSource {
  std::filesystem::path token_file;
  std::filesystem::path token_store;
  std::filesystem::path app_key_file; ///< with which what is in the store is renewed
  std::string app_id;                 ///< whose tokens the store holds
  std::string login;                  ///< the command that fills it
};

/// Looks at the file (one stat) at each call of grant(), so a new token counts from the next
/// request on. Refuses a file that others may read or that somebody else owns.
class TokenFiles : public Tokens {
public:
  /// `sources` by app name. What lies in `credentials_directory` (empty: none) may be
  /// group-readable.
  explicit TokenFiles(std::map<std::string, TokenSource> sources,
                      std::filesystem::path credentials_directory = {});

  /// From now on.
  void configure(std::map<std::string, TokenSource> sources);

  const std::variant<TokenGrant, TokenProblem>& grant(const std::string& app) override;
  std::variant<std::string, TokenProblem> app_key(const std::string& app) override;
  std::optional<TokenProblem> renewed(const std::string& app, const std::string& refresh_token,
                                      const TokenGrant& grant) override;

private:
  using Answer = std::variant<TokenGrant, TokenProblem>;
  struct Known {
    struct stat as {}; ///< how the file looked when `answer` was made
    Answer answer;
  };
  Answer read(const TokenSource& source, const std::string& app, struct stat& as) const;

  std::map<std::string, TokenSource> sources_;
  std::filesystem::path credentials_directory_;
  std::map<std::string, Known> known_;
  std::map<std::string, TokenSource> renewed_; ///< by app, as it was at the last app_key()
};

} // namespace kdq
