#include "poller/engine/token_keeper.h"

#include "poller/api/kdocs_api.h"
#include "poller/api/kdocs_tokens.h"
#include "poller/clock.h"
#include "poller/engine/app_state.h"
#include "poller/engine/in_flight.h"
#include "poller/events.h"
#include "poller/quota/quota_policy.h"

#include <algorithm>
#include <utility>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// A token is renewed when a fifth of its life is left, or two hours: time enough for a night's
// trouble to pass, and not a renewal after the other where tokens live for seconds.
constexpr std::chrono::milliseconds most_left = 2h;
constexpr int part_left = 5;
// Of that time at most so much more, by chance: programs that began together do not stay together.
constexpr int part_early = 4;
// A new consent is noticed so late, if nothing waits for it; a look costs one stat().
constexpr std::chrono::milliseconds look_again = 5s;
constexpr std::chrono::milliseconds store_again = 5s;
constexpr std::chrono::milliseconds first_backoff = 1s;
constexpr std::chrono::milliseconds longest_backoff = 60s;
// What is refused for good is tried once more so much later: the refusal may have been an error.
constexpr std::chrono::milliseconds refused_again = 1h;
// A fresh token that is refused as well is no reason for the next renewal at once.
constexpr std::chrono::milliseconds doubt_again = 10min;
// Before its end a person is told of it.
constexpr std::chrono::days consent_notice{15};

std::chrono::milliseconds margin_of(const TokenGrant& grant) {
  std::chrono::milliseconds life = kdocs_api::token_life;
  if (grant.obtained_at && *grant.obtained_at < *grant.expires_at)
    life = *grant.expires_at - *grant.obtained_at;
  return std::min(most_left, life / part_left);
}

std::string to_consent(const AppState& app) {
  return "a person has to consent anew: " + app.breaker.settings().login;
}

} // namespace

TokenKeeper::TokenKeeper(Tokens& tokens, AppStates& apps, InFlightTable& numbers,
                         Transport& transport, Clock& clock, Events& events, Jitter& jitter)
    : tokens_(tokens), apps_(apps), numbers_(numbers), transport_(transport), clock_(clock),
      events_(events), jitter_(jitter) {}

void TokenKeeper::configure() {
  for (auto& [name, renewal] : renewals_) {
    const auto app = apps_.find(name);
    if (app == apps_.end() || app->second.breaker.settings().app_id.empty())
      renewal.unsaved.reset();
    renewal.next_look = {};
    renewal.due = SteadyTime::max();
  }
}

void TokenKeeper::work() {
  const Moment now = clock_.now();
  for (auto& [name, app] : apps_)
    work(name, app, renewals_[name], now);
}

void TokenKeeper::work(const std::string& name, AppState& app, Renewal& renewal, Moment now) {
  if (renewal.request)
    return;
  if (renewal.unsaved) {
    if (now.steady >= renewal.next_try)
      store(name, app, renewal, now);
    return;
  }
  const bool is_due = now.steady >= std::max(renewal.due, renewal.next_try);
  if (is_due || now.steady >= renewal.next_look || app.breaker.doubts_token())
    look(name, app, renewal, now);
}

void TokenKeeper::look(const std::string& name, AppState& app, Renewal& renewal, Moment now) {
  renewal.next_look = now.steady + look_again;
  renewal.due = SteadyTime::max();
  const auto& read = tokens_.grant(name);
  const auto* grant = std::get_if<TokenGrant>(&read);
  if (grant == nullptr) {
    app.token = {std::nullopt, std::nullopt, std::get<TokenProblem>(read).sentence, true};
    renewal.in_use = "";
    return;
  }
  app.token.expires_at = grant->expires_at;
  app.token.consent_ends_at.reset();
  if (grant->consented_at)
    app.token.consent_ends_at = *grant->consented_at + kdocs_api::consent_life;
  if (renewal.in_use != grant->access_token)
    changed(*grant, app, renewal, now);
  if (grant->refresh_token.empty() || app.breaker.settings().app_id.empty())
    return;
  renewal.due = due(*grant, app, renewal, now);
  if (now.steady >= std::max(renewal.due, renewal.next_try))
    send(name, app, renewal, *grant, now);
}

/// There is another token than at the last look: of a renewal, or of a new consent.
void TokenKeeper::changed(const TokenGrant& grant, AppState& app, Renewal& renewal, Moment now) {
  if (renewal.in_use)
    app.breaker.token_came(now.steady);
  renewal.in_use = grant.access_token;
  renewal.early =
      grant.expires_at
          ? jitter_.within(std::max(margin_of(grant) / part_early, std::chrono::milliseconds(1)))
          : 0ms;
  if (!renewal.refused.empty() && grant.refresh_token == renewal.refused)
    return;
  renewal.refused.clear();
  renewal.next_try = now.steady;
  renewal.failures = 0;
  app.token.trouble.clear();
  app.token.needs_person = false;
}

SteadyTime TokenKeeper::due(const TokenGrant& grant, AppState& app, Renewal& renewal,
                            Moment now) const {
  if (!app.breaker.accepts_token(grant.access_token)) {
    if (now.steady < renewal.may_doubt_from && app.token.trouble.empty()) {
      app.token.trouble = "KDocs refuses the access token, although it was just renewed; if that "
                          "does not pass, " +
                          to_consent(app);
      app.token.needs_person = true;
    }
    return std::max(now.steady, renewal.may_doubt_from);
  }
  if (!grant.expires_at)
    return SteadyTime::max();
  return to_steady(*grant.expires_at - margin_of(grant) - renewal.early, now);
}

void TokenKeeper::send(const std::string& name, AppState& app, Renewal& renewal,
                       const TokenGrant& grant, Moment now) {
  const auto key = tokens_.app_key(name);
  if (const auto* problem = std::get_if<TokenProblem>(&key)) {
    failed(app, renewal, problem->sentence, now);
    app.token.needs_person = true;
    return;
  }
  if (!app.breaker.accepts_token(grant.access_token))
    renewal.may_doubt_from = now.steady + doubt_again;
  renewal.key = std::get<std::string>(key);
  renewal.sent_with = grant.refresh_token;
  renewal.sent_at = now.wall;
  renewal.request = numbers_.next_number();
  transport_.send(*renewal.request,
                  kdocs_api::refresh_token(app.breaker.settings(), renewal.key, renewal.sent_with));
}

bool TokenKeeper::take(Reply& reply) {
  for (auto& [name, renewal] : renewals_) {
    if (renewal.request != reply.request)
      continue;
    renewal.request.reset();
    const auto found = apps_.find(name);
    if (found == apps_.end() || found->second.breaker.settings().app_id.empty())
      return true; // the configuration has changed since
    AppState& app = found->second;
    const Moment now = clock_.now();
    if (const auto* answered = std::get_if<Answered>(&reply.delivery))
      arrived(*answered, name, app, renewal, now);
    else if (const auto* not_sent = std::get_if<NotSent>(&reply.delivery))
      failed(app, renewal, "no connection: " + not_sent->reason, now);
    else
      failed(app, renewal, "no answer: " + std::get<Unanswered>(reply.delivery).reason, now);
    return true;
  }
  return false;
}

void TokenKeeper::arrived(const Answered& reply, const std::string& name, AppState& app,
                          Renewal& renewal, Moment now) {
  auto read = kdocs_api::read_tokens(reply);
  if (const auto* refusal = std::get_if<kdocs_api::TokenRefusal>(&read)) {
    const std::string words = kdocs_api::without_secret(
        kdocs_api::without_secret(refusal->sentence, renewal.key), renewal.sent_with);
    failed(app, renewal, words, now);
    if (refusal->retry_after)
      renewal.next_try = std::max(renewal.next_try, now.steady + *refusal->retry_after);
    if (!refusal->for_good)
      return;
    renewal.refused = renewal.sent_with;
    renewal.next_try = now.steady + refused_again;
    app.token.trouble =
        "KDocs refuses to renew the access token (" + words + "): " + to_consent(app);
    app.token.needs_person = true;
    return;
  }
  auto& tokens = std::get<kdocs_api::TokenReply>(read);
  TokenGrant grant;
  if (const auto* before = std::get_if<TokenGrant>(&tokens_.grant(name)))
    grant = *before; // its consent, and its account
  grant.access_token = std::move(tokens.access_token);
  grant.refresh_token =
      tokens.refresh_token.empty() ? renewal.sent_with : std::move(tokens.refresh_token);
  grant.obtained_at = renewal.sent_at;
  grant.expires_at = renewal.sent_at + tokens.expires_in;
  renewal.unsaved = std::move(grant);
  store(name, app, renewal, now);
}

/// Only then it is used: the refresh token that it was paid with may be good for nothing by now.
void TokenKeeper::store(const std::string& name, AppState& app, Renewal& renewal, Moment now) {
  if (const auto problem = tokens_.renewed(name, renewal.sent_with, *renewal.unsaved)) {
    app.token.trouble = "the renewed access token cannot be stored, and until then is not used: " +
                        problem->sentence;
    app.token.needs_person = true;
    renewal.next_try = now.steady + store_again;
    return;
  }
  renewal.unsaved.reset();
  renewal.next_try = now.steady;
  look(name, app, renewal, now);
  if (app.token.consent_ends_at && now.wall >= *app.token.consent_ends_at - consent_notice)
    events_.trouble("app " + name + ": the consent ends on " +
                    utc_second(*app.token.consent_ends_at).substr(0, 10) + "; before that " +
                    to_consent(app));
}

void TokenKeeper::failed(AppState& app, Renewal& renewal, const std::string& why, Moment now) {
  renewal.next_try =
      now.steady + jitter_.within(backoff(first_backoff, renewal.failures++, longest_backoff));
  app.token.trouble = "the access token cannot be renewed now (" + why + "); it is tried again";
  app.token.needs_person = false;
}

void TokenKeeper::save() {
  for (auto& [name, renewal] : renewals_)
    if (const auto app = apps_.find(name); renewal.unsaved && app != apps_.end())
      store(name, app->second, renewal, clock_.now());
}

SteadyTime TokenKeeper::next_wake() const {
  SteadyTime wake = SteadyTime::max();
  for (const auto& [name, renewal] : renewals_)
    if (!renewal.request)
      wake = std::min(wake,
                      renewal.unsaved ? renewal.next_try : std::max(renewal.due, renewal.next_try));
  return wake;
}

std::size_t TokenKeeper::in_flight() const {
  return static_cast<std::size_t>(
      std::count_if(renewals_.begin(), renewals_.end(),
                    [](const auto& entry) { return entry.second.request.has_value(); }));
}

} // namespace kdq
