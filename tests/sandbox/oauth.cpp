#include "tests/sandbox/oauth.h"

#include "tests/sandbox/encoding.h"
#include "tests/sandbox/random_text.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace kdq::sandbox {
namespace {

using nlohmann::json;

constexpr const char* seeded_scope = "access_personal_files,edit_personal_files";

std::vector<std::string> split_scopes(std::string_view text) {
  std::vector<std::string> scopes;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    if (end > 0) {
      scopes.emplace_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return scopes;
}

/// Of the scopes asked for those that are allowed.
std::string granted(const std::string& asked, const std::string& allowed) {
  if (allowed.empty()) {
    return asked;
  }
  const std::vector<std::string> agreed = split_scopes(allowed);
  std::string scopes;
  for (const std::string& scope : split_scopes(asked)) {
    if (std::find(agreed.begin(), agreed.end(), scope) != agreed.end()) {
      scopes += (scopes.empty() ? "" : ",") + scope;
    }
  }
  return scopes;
}

/// Checked because it goes into a header, and because a browser would not come back otherwise.
bool is_address(const std::string& text) {
  const auto fits = [](char c) { return c > 0x20 && c < 0x7f && c != '#'; };
  return (text.starts_with("http://") || text.starts_with("https://")) &&
         std::all_of(text.begin(), text.end(), fits);
}

std::string with_query(const std::string& address, const std::string& query) {
  if (address.find('?') == std::string::npos) {
    return address + '?' + query;
  }
  return address + (address.ends_with('?') || address.ends_with('&') ? "" : "&") + query;
}

ApiError wrong_app() {
  return {20003, "the app_id or the app_key is wrong"};
}

} // namespace

Oauth::Oauth(OauthSettings settings, Ledger& ledger, std::function<Clock::time_point()> now)
    : settings_(std::move(settings)), ledger_(ledger), now_(std::move(now)),
      random_(std::random_device{}()), rotation_(settings_.rotation),
      expires_in_(settings_.expires_in) {
  for (const SeedToken& seed : settings_.seeds) {
    access_tokens_[seed.access_token] = {now_() + seed.life};
    refresh_tokens_[seed.refresh_token] = {{account_, seeded_scope}, ""};
  }
}

std::string Oauth::consent(const ConsentRequest& request) {
  const std::lock_guard lock(mutex_);
  if (!has_app() || request.app_id != settings_.app_id) {
    throw std::invalid_argument("the app_id is not known");
  }
  if (request.redirect_uri.empty()) {
    throw std::invalid_argument("the redirect_uri is missing");
  }
  if (!is_address(request.redirect_uri)) {
    throw std::invalid_argument("the redirect_uri is no address that a browser could come back to");
  }
  if (person_ == Person::refuse) {
    ledger_.consent_refused(request.force_login);
    return with_query(request.redirect_uri,
                      "error=access_denied&state=" + percent_encoded(request.state));
  }
  const Grant grant{account_, granted(request.scope, scopes_)};
  const std::string code = new_secret();
  codes_[code] = {grant, now_() + settings_.code_ttl};
  ledger_.consented(grant.account, grant.scope, request.force_login);
  const std::string state = person_ == Person::wrong_state ? new_secret() : request.state;
  return with_query(request.redirect_uri,
                    "code=" + percent_encoded(code) + "&state=" + percent_encoded(state));
}

std::variant<json, ApiError> Oauth::exchange(RequestNumber request, const std::string& app_id,
                                             const std::string& app_key, const std::string& code) {
  const std::lock_guard lock(mutex_);
  if (!is_app(app_id, app_key)) {
    return wrong_app();
  }
  const auto used = codes_.extract(code);
  if (used.empty() || now_() >= used.mapped().expires_at) {
    return ApiError{10001, "the code is unknown, used or expired"};
  }
  ++exchanges_;
  const Grant& grant = used.mapped().grant;
  return issue(request, grant, new_refresh_token(grant, ""));
}

std::variant<json, ApiError> Oauth::refresh(RequestNumber request, const RefreshOrder& order) {
  const std::lock_guard lock(mutex_);
  if (!is_app(order.app_id, order.app_key)) {
    ++refused_refreshes_;
    return wrong_app();
  }
  const auto found = refresh_tokens_.find(order.refresh_token);
  if (refuse_refresh_ || found == refresh_tokens_.end()) {
    ++refused_refreshes_;
    return ApiError{20007, "the refresh token is not valid"};
  }
  ++refreshes_;
  const Grant grant = found->second.grant;
  // A client that uses a token has received it: the grace of the one before ends.
  refresh_tokens_.erase(std::exchange(found->second.former, ""));
  switch (rotation_) {
  case Rotation::yes:
    refresh_tokens_.erase(found);
    return issue(request, grant, new_refresh_token(grant, ""));
  case Rotation::grace:
    return issue(request, grant, new_refresh_token(grant, order.refresh_token));
  case Rotation::no:
    return issue(request, grant, nullptr);
  case Rotation::empty:
    break;
  }
  return issue(request, grant, "");
}

bool Oauth::accepts(Endpoint endpoint, const std::string& access_token) {
  const std::lock_guard lock(mutex_);
  const auto found = access_tokens_.find(access_token);
  if (found == access_tokens_.end()) {
    return false;
  }
  if (is_live(found->second)) {
    return true;
  }
  expired_.count(endpoint);
  if (std::exchange(found->second.refused, true)) {
    expired_again_.count(endpoint);
  }
  return false;
}

Oauth::UnderWay::UnderWay(Oauth& oauth, const std::string& refresh_token) : oauth_(oauth) {
  const std::lock_guard lock(oauth_.mutex_);
  if (oauth_.under_way_.contains(refresh_token)) {
    ++oauth_.concurrent_refreshes_;
  }
  place_ = oauth_.under_way_.insert(refresh_token);
}

Oauth::UnderWay::~UnderWay() {
  const std::lock_guard lock(oauth_.mutex_);
  oauth_.under_way_.erase(place_);
}

void Oauth::change(const OauthChange& change) {
  const std::lock_guard lock(mutex_);
  rotation_ = change.rotation.value_or(rotation_);
  expires_in_ = change.expires_in.value_or(expires_in_);
  person_ = change.person.value_or(person_);
  account_ = change.account.value_or(account_);
  scopes_ = change.scopes.value_or(scopes_);
  refuse_refresh_ = change.refuse_refresh.value_or(refuse_refresh_);
  if (change.revoke) {
    refresh_tokens_.clear();
    for (auto& [text, token] : access_tokens_) {
      token.revoked = true;
    }
  }
}

json Oauth::counts() const {
  const std::lock_guard lock(mutex_);
  const auto live = std::count_if(access_tokens_.begin(), access_tokens_.end(),
                                  [this](const auto& entry) { return is_live(entry.second); });
  return {{"exchanges", exchanges_},
          {"refreshes", refreshes_},
          {"refused_refreshes", refused_refreshes_},
          {"concurrent_refreshes", concurrent_refreshes_},
          {"live_access_tokens", live},
          {"expired_submits", expired_.submits},
          {"expired_statuses", expired_.statuses},
          {"expired_submits_again", expired_again_.submits},
          {"expired_statuses_again", expired_again_.statuses}};
}

bool Oauth::is_app(const std::string& app_id, const std::string& app_key) const {
  return has_app() && app_id == settings_.app_id && app_key == settings_.app_key;
}

bool Oauth::is_live(const AccessToken& token) const {
  return !token.revoked && now_() < token.expires_at;
}

std::string Oauth::new_secret() {
  constexpr std::size_t length = 40;
  // A client that leaves out a layer of encoding, or has one too many, is refused.
  return random_text(length, random_).insert(length / 2, "+/%2F") + '=';
}

std::string Oauth::new_refresh_token(const Grant& grant, const std::string& former) {
  std::string token = new_secret();
  refresh_tokens_[token] = {grant, former};
  return token;
}

json Oauth::issue(RequestNumber request, const Grant& grant, const json& refresh_token) {
  const std::string access_token = new_secret();
  access_tokens_[access_token] = {now_() + expires_in_};
  ledger_.token_issued(request, grant.account, grant.scope);
  json data{{"access_token", access_token},
            {"expires_in", expires_in_.count()},
            {"app_id", settings_.app_id}};
  if (!refresh_token.is_null()) {
    data["refresh_token"] = refresh_token;
  }
  if (settings_.replies_name_grant) {
    data["open_id"] = grant.account;
    data["scope"] = grant.scope;
  }
  return data;
}

} // namespace kdq::sandbox
