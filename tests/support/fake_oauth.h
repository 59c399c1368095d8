// The service's side of consent and renewal, for FakeKdocs.
#pragma once

#include "poller/tokens.h"
#include "poller/transport.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <string>

namespace kdq::test {

/// Tokens that end. A refresh token is good until the next one, or for ever if they do not rotate.
class FakeOauth {
public:
  // --- what a test sets ----------------------------------------------------------------------
  bool rotates = true;
  std::chrono::seconds life = std::chrono::hours(24);
  std::string app_key = "app-secret";
  bool refuses = false; ///< renewals
  bool gives_same =
      false; ///< a renewal gives the access token that is good, and what is left of it

  // --- what a test reads ---------------------------------------------------------------------
  std::size_t renewals = 0;
  std::size_t refused = 0;
  std::size_t consents = 0;
  std::size_t with_ended_token = 0; ///< requests with an access token that is good no more

  bool accepts(const std::string& access_token, WallTime now) {
    const auto found = good_until_.find(access_token);
    const bool good = found != good_until_.end() && now < found->second;
    with_ended_token += found != good_until_.end() && !good ? 1 : 0;
    return good;
  }

  /// What a person's consent brings.
  TokenGrant consent(WallTime now) {
    ++consents;
    refresh_token_ = "refresh-" + std::to_string(++number_);
    TokenGrant grant;
    grant.access_token = new_access_token(now);
    grant.refresh_token = refresh_token_;
    grant.obtained_at = grant.consented_at = now;
    grant.expires_at = now + life;
    return grant;
  }

  Answered renew(const std::string& body, WallTime now) {
    const auto asked = nlohmann::json::parse(body);
    if (refuses || asked.at("app_key") != app_key || asked.at("refresh_token") != refresh_token_) {
      ++refused;
      return {200, R"({"code":20007,"result":"AccessTokenInvalid","msg":"it is void"})", {}};
    }
    ++renewals;
    const bool same = gives_same && now < good_until_[last_];
    nlohmann::json data{{"access_token", same ? last_ : new_access_token(now)}};
    data["expires_in"] = std::chrono::ceil<std::chrono::seconds>(good_until_[last_] - now).count();
    if (rotates)
      data["refresh_token"] = refresh_token_ = "refresh-" + std::to_string(++number_);
    return {200, nlohmann::json{{"code", 0}, {"result", "ok"}, {"data", data}}.dump(), {}};
  }

  /// The account's owner withdraws the app's access: nothing that was given is good any more.
  void revoke() {
    refresh_token_.clear();
    end_access_tokens();
  }
  void end_access_tokens() {
    for (auto& [token, until] : good_until_)
      until = {};
  }

private:
  std::string new_access_token(WallTime now) {
    std::string token = "access-" + std::to_string(++number_);
    good_until_[token] = now + life;
    return last_ = token;
  }

  int number_ = 0;
  std::string refresh_token_;
  std::string last_; ///< access token that was given
  std::map<std::string, WallTime> good_until_;
};

} // namespace kdq::test
