// What the OAuth endpoints do: chosen by flags at the start, by the admin path later.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace kdq::sandbox {

/// What a refresh makes of the refresh token that it came with.
enum class Rotation {
  yes,   ///< it is void at once, the reply has a new one
  grace, ///< the reply has a new one; it is accepted until that one has been used
  no,    ///< it stays, the reply has none
  empty  ///< it stays, the reply has an empty one
};

/// What the person at the consent page does.
enum class Person {
  agree,
  refuse,
  wrong_state ///< agrees, but comes back with another state than was sent along
};

/// Tokens that are known from the start, granted by the account of the start.
struct SeedToken {
  std::string access_token;
  std::string refresh_token;
  std::chrono::seconds life{0}; ///< of the access token, from the start on
};

/// No life may be longer: 30 years, which every clock can still add to now.
inline constexpr std::chrono::seconds max_token_life{1'000'000'000};

struct OauthSettings {
  std::string app_id; ///< empty: there is no OAuth app, and its paths are not found
  std::string app_key;
  std::chrono::seconds expires_in{86400}; ///< life of an access token
  std::chrono::seconds code_ttl{300};     ///< life of an authorization code
  Rotation rotation = Rotation::yes;
  bool replies_name_grant = true; ///< replies have open_id and scope; the vendor's pages do not
  std::vector<SeedToken> seeds;
};

/// What the admin changes; none: it stays.
struct OauthChange {
  std::optional<Rotation> rotation;
  std::optional<std::chrono::seconds> expires_in; ///< of the access tokens that come
  std::optional<Person> person;
  std::optional<std::string> account; ///< who the person is: the open_id of the codes that come
  std::optional<std::string> scopes;  ///< those the person agrees to, of what is asked for; "": all
  std::optional<bool> refuse_refresh; ///< whether every refresh is refused
  bool revoke = false;                ///< all tokens handed out so far become void
};

/// Throws std::invalid_argument with a sentence.
Rotation rotation_from(const std::string& text);
/// Reads {"rotate": "yes|grace|no|empty", "expires_in": seconds, "person":
/// "agree|refuse|wrong_state", "account", "scopes": "one,two", "refuse_refresh", "revoke"}, each
/// optional. Throws std::invalid_argument with a sentence.
OauthChange oauth_change_from_json(const nlohmann::json& text);

/// Of the command line. Throw std::invalid_argument with a sentence, which shows no secret.
/// "APP_ID:APP_KEY" into `settings`.
void set_app_from_text(OauthSettings& settings, const std::string& text);
/// "ACCESS:REFRESH:SECONDS"
SeedToken seed_token_from_text(const std::string& text);

} // namespace kdq::sandbox
