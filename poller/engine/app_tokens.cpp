#include "poller/engine/app_tokens.h"

#include "poller/engine/app_state.h"
#include "poller/tokens.h"

#include <utility>

namespace kdq {
namespace {

/// Why a token is not used, that another one takes the place of.
struct Unusable {
  std::string reason;
  bool needs_person = false;
};

/// It was refused, or it has run out.
Unusable unusable(const AppState& app, const TokenGrant& grant, bool is_refused) {
  if (is_refused && app.breaker.settings().app_id.empty())
    return {"KDocs refuses the access token: put a fresh one into the token file, which is read "
            "again when it changes (under systemd: systemctl restart kdocs-queued)",
            true};
  if (!app.token.trouble.empty())
    return {app.token.trouble, app.token.needs_person};
  if (grant.refresh_token.empty())
    return {(is_refused ? "KDocs refuses the access token" : "the access token has run out") +
                (", and it cannot be renewed: a person has to consent: " +
                 app.breaker.settings().login),
            true};
  return {is_refused ? "KDocs refuses the access token; it is being renewed"
                     : "the access token has run out and is being renewed",
          false};
}

} // namespace

const std::string* AppTokens::usable(AppState& app, Moment now) {
  CircuitBreaker& breaker = app.breaker;
  if (const auto known = read_.find(breaker.name()); known != read_.end())
    return known->second.empty() ? nullptr : &known->second;
  std::string& slot = read_[breaker.name()];
  const auto& read = tokens_.grant(breaker.name());
  if (const auto* problem = std::get_if<TokenProblem>(&read)) {
    breaker.no_token(problem->sentence, true, now.steady);
    return nullptr;
  }
  const auto& grant = std::get<TokenGrant>(read);
  const bool is_refused = !breaker.accepts_token(grant.access_token);
  if (is_refused || (grant.expires_at && *grant.expires_at <= now.wall)) {
    const Unusable why = unusable(app, grant, is_refused);
    breaker.no_token(why.reason, why.needs_person, now.steady);
    return nullptr;
  }
  slot = grant.access_token;
  return &slot;
}

} // namespace kdq
