// Where access tokens come from.
#pragma once

#include "store/base/time.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace kdq {

/// Why there is no token to send with, as a sentence that names the file and the repair.
struct TokenProblem {
  std::string sentence;
};

/// What a person's consent, or a renewal, has brought. All texts but `account` are secrets.
struct TokenGrant {
  std::string access_token;
  std::string refresh_token;            ///< empty: somebody else keeps the token fresh
  std::optional<WallTime> obtained_at;  ///< when the request for it was sent
  std::optional<WallTime> expires_at;   ///< nothing: not known
  std::optional<WallTime> consented_at; ///< nothing: nobody has to consent
  std::string account;                  ///< whose files it opens, if the service says that
};

/// An access token of which nothing else is known: somebody else keeps it fresh.
inline TokenGrant lone_token(std::string access_token) {
  TokenGrant grant;
  grant.access_token = std::move(access_token);
  return grant;
}

class Tokens {
public:
  virtual ~Tokens() = default;
  /// What the app has, as its file says now; a change of the file is seen at the next call. The
  /// answer is good until then.
  virtual const std::variant<TokenGrant, TokenProblem>& grant(const std::string& app) = 0;
  /// The app's secret, with which a token is renewed: asked for before each renewal.
  virtual std::variant<std::string, TokenProblem> app_key(const std::string& app) = 0;
  /// Puts what a renewal with `refresh_token` has brought in the place of what the app had when
  /// app_key() was called, whatever is configured since; on disk when this returns. Does nothing if
  /// a person has consented anew meanwhile. Why it could not be stored; nothing: all is well.
  virtual std::optional<TokenProblem>
  renewed(const std::string& app, const std::string& refresh_token, const TokenGrant& grant) = 0;
};

} // namespace kdq
