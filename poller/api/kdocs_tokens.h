// How a person consents, and how access tokens are fetched and renewed: pure functions, as in
// kdocs_api.h.
#pragma once

#include "poller/settings.h"
#include "poller/transport.h"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace kdq::kdocs_api {

/// Of a consent, and of a token where its reply does not say (README.md, section 4).
inline constexpr std::chrono::days consent_life{90};
inline constexpr std::chrono::hours token_life{24};

/// How long a code can be exchanged.
inline constexpr std::chrono::minutes code_life{5};

/// Longer than any token seen, short enough for a URL.
inline constexpr std::size_t max_token_bytes = 8192;
/// Longer than any account's name seen: one that is longer is left out.
inline constexpr std::size_t max_account_bytes = 256;
/// Of a reply to either request; what is longer is not looked into.
inline constexpr std::size_t max_token_reply_bytes = std::size_t{256} * 1024;
/// 1 to max_token_bytes visible characters of ASCII.
bool is_token(std::string_view text);

/// Where a person consents, in a browser. `scopes` joined by commas; `state` comes back with the
/// code.
std::string consent_address(const AppSettings& app, std::string_view redirect_uri,
                            std::string_view scopes, std::string_view state);

/// `GET …/access_token`: a code, which is good once, for tokens.
HttpRequest exchange_code(const AppSettings& app, std::string_view app_key, std::string_view code);

/// `POST …/refresh_token`.
HttpRequest refresh_token(const AppSettings& app, std::string_view app_key,
                          std::string_view refresh_token);

/// What a reply to either brings. The tokens are secrets.
struct TokenReply {
  std::string access_token;
  std::string refresh_token; ///< empty: the one that was sent stays
  std::chrono::seconds expires_in{token_life};
  std::string app_id;  ///< empty: it does not say
  std::string account; ///< empty: it does not say
  std::string scopes;  ///< joined by commas; empty: it does not say
};

/// There are no tokens in it.
struct TokenRefusal {
  bool for_good = true; ///< false: the same request may work later
  std::optional<std::chrono::seconds> retry_after;
  std::string sentence; ///< redacted() already; what else is secret the caller knows
};

/// What is no is_token() is taken for missing.
std::variant<TokenReply, TokenRefusal> read_tokens(const Answered& reply);

} // namespace kdq::kdocs_api
