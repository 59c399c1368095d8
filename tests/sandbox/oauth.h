// The service's OAuth without its HTTP: a person who consents, codes, and the tokens for them.
#pragma once

#include "tests/sandbox/api_error.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/oauth_settings.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <variant>

namespace kdq::sandbox {

/// What a browser brings to the consent page, decoded.
struct ConsentRequest {
  std::string app_id;
  std::string scope; ///< joined by commas
  std::string redirect_uri;
  std::string state;
  bool force_login = false; ///< only noted: the person has no session that it could end
};

struct RefreshOrder {
  std::string app_id;
  std::string app_key;
  std::string refresh_token;
};

/// Thread-safe. `ledger` must outlive it; it never sees a token, a code or a key.
/// Refusals are 20003 for a wrong app_id or app_key, 10001 for a code that is unknown, used or
/// expired, and 20007 for a refresh token that is unknown or void, or while refreshes are refused.
class Oauth {
public:
  using Clock = std::chrono::steady_clock;
  Oauth(OauthSettings settings, Ledger& ledger,
        std::function<Clock::time_point()> now = Clock::now);

  bool has_app() const { return !settings_.app_id.empty(); }

  /// The address that the person's answer leads to. Throws std::invalid_argument with a sentence
  /// for an unknown app or an address that nobody could be sent to.
  std::string consent(const ConsentRequest& request);
  /// The reply's "data". A code is used up by the first exchange of its app.
  std::variant<nlohmann::json, ApiError> exchange(RequestNumber request, const std::string& app_id,
                                                  const std::string& app_key,
                                                  const std::string& code);
  /// The reply's "data". The access token of before stays valid until it expires.
  std::variant<nlohmann::json, ApiError> refresh(RequestNumber request, const RefreshOrder& order);
  /// Whether it is an access token that is neither expired nor void; counts one that is.
  bool accepts(Endpoint endpoint, const std::string& access_token);

  /// A refresh while it is answered: a second one with the same refresh token is counted.
  class UnderWay {
  public:
    UnderWay(Oauth& oauth, const std::string& refresh_token);
    ~UnderWay();
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;

  private:
    Oauth& oauth_;
    std::multiset<std::string>::iterator place_;
  };

  // --- admin ---
  void change(const OauthChange& change);
  /// Numbers only, see admin.h.
  nlohmann::json counts() const;

private:
  struct Grant {
    std::string account;
    std::string scope;
  };
  struct Code {
    Grant grant;
    Clock::time_point expires_at;
  };
  struct AccessToken {
    Clock::time_point expires_at;
    bool revoked = false;
    bool refused = false; ///< a request that came with it was told so
  };
  struct RefreshToken {
    Grant grant;
    std::string former; ///< the one that is void once this is used; empty: none
  };
  struct ByEndpoint {
    std::uint64_t submits = 0;
    std::uint64_t statuses = 0;
    void count(Endpoint endpoint) { ++(endpoint == Endpoint::submit ? submits : statuses); }
  };

  bool is_app(const std::string& app_id, const std::string& app_key) const;
  bool is_live(const AccessToken& token) const;
  std::string new_secret();
  std::string new_refresh_token(const Grant& grant, const std::string& former);
  /// `refresh_token`: null leaves it out of the reply.
  nlohmann::json issue(RequestNumber request, const Grant& grant,
                       const nlohmann::json& refresh_token);

  const OauthSettings settings_;
  Ledger& ledger_;
  const std::function<Clock::time_point()> now_;
  mutable std::mutex mutex_; // guards what follows
  std::mt19937_64 random_;
  Rotation rotation_;
  std::chrono::seconds expires_in_;
  Person person_ = Person::agree;
  std::string account_ = "sandbox-account";
  std::string scopes_; ///< empty: all that are asked for
  bool refuse_refresh_ = false;
  std::map<std::string, Code> codes_;
  std::map<std::string, AccessToken> access_tokens_; ///< also those that are expired or void
  std::map<std::string, RefreshToken> refresh_tokens_;
  std::multiset<std::string> under_way_; ///< refresh tokens
  std::uint64_t exchanges_ = 0;
  std::uint64_t refreshes_ = 0;
  std::uint64_t refused_refreshes_ = 0;
  std::uint64_t concurrent_refreshes_ = 0;
  ByEndpoint expired_;
  ByEndpoint expired_again_; ///< with a token that had been refused before
};

} // namespace kdq::sandbox
