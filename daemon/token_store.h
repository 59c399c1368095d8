// The file in which an app's tokens are kept: written by a login and by each renewal.
#pragma once

#include "poller/tokens.h"

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>

namespace kdq {

/// A JSON file with mode 600 in a folder with mode 700. It is replaced in one step and on disk when
/// a call returns: either the old tokens are there or the new ones. Several processes may use it.
class TokenStore {
public:
  /// `login`: the command that fills it, for people. `app_id`: whose tokens it may hold.
  TokenStore(std::filesystem::path file, std::string app_id, std::string login);

  const std::filesystem::path& file() const { return file_; }

  /// `as`: how the file looked, if it is there.
  std::variant<TokenGrant, TokenProblem> read(struct stat& as) const;
  /// Why nothing could be written; nothing: it could. Makes the folder, if only that is missing.
  std::optional<TokenProblem> prepare() const;
  /// Waits up to 10 s for another writer.
  std::optional<TokenProblem> write(const TokenGrant& grant) const;
  /// As write(), but only over a grant with this refresh token, whose consent and account stay, or
  /// over what cannot be read: else it does nothing, as somebody has consented anew. Waits up to
  /// 100 ms for another writer.
  std::optional<TokenProblem> replace(const std::string& refresh_token,
                                      const TokenGrant& grant) const;

private:
  /// From what is there, what takes its place; nothing: it stays.
  using Succession =
      std::function<std::optional<TokenGrant>(const std::variant<TokenGrant, TokenProblem>&)>;

  std::optional<TokenProblem> write_over(const Succession& successor,
                                         std::chrono::milliseconds patience) const;
  std::variant<TokenGrant, TokenProblem> parse(const std::string& text) const;
  TokenProblem problem(const std::string& what) const;

  std::filesystem::path file_;
  std::string app_id_;
  std::string login_;
};

} // namespace kdq
