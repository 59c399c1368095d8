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
// What is refused for good is tried once more so much later: the refusal may have been an error.
constexpr std::chrono::milliseconds refused_again = 1h;
// A fresh token that is refused as well is no reason for the next renewal at once.
constexpr std::chrono::milliseconds doubt_again = 10min;
// Two renewals of an app are so far apart, whatever the service says of a token's life.
constexpr std::chrono::milliseconds least_apart = 1s;
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
    renewal.in_use = ""; // what is there now may stand elsewhere, or be kept fresh by others
    renewal.next_look = {};
    renewal.due = SteadyTime::max();
    if (!renewal.refused.empty()) // what was wrong may have been mended
      renewal.next_try = {};
  }
}

AppState* TokenKeeper::app_of(const std::string& name) {
  const auto app = apps_.find(name);
  return app == apps_.end() || app->second.breaker.settings().app_id.empty() ? nullptr
                                                                             : &app->second;
}

void TokenKeeper::work() {
  const Moment now = clock_.now();
  for (auto& [name, renewal] : renewals_) // also of an app that is not configured any more
    if (renewal.unsaved && now.steady >= renewal.next_try)
      store(name, renewal, now);
  for (auto& [name, app] : apps_)
    work(name, app, renewals_[name], now);
}

void TokenKeeper::work(const std::string& name, AppState& app, Renewal& renewal, Moment now) {
  if (renewal.request || renewal.unsaved)
    return;
  if (now.steady >= ready_at(renewal) || now.steady >= renewal.next_look ||
      app.breaker.doubts_token())
    look(name, app, renewal, now);
}

SteadyTime TokenKeeper::ready_at(const Renewal& renewal) {
  return std::max({renewal.due, renewal.next_try, renewal.sent_at.steady + least_apart});
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
  if (now.steady >= ready_at(renewal))
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

/// By another app, or by one that has another name now.
bool TokenKeeper::is_being_used(const std::string& refresh_token) const {
  return std::any_of(renewals_.begin(), renewals_.end(), [&](const auto& entry) {
    const Renewal& renewal = entry.second;
    return (renewal.request || renewal.unsaved) && renewal.before.refresh_token == refresh_token;
  });
}

void TokenKeeper::send(const std::string& name, AppState& app, Renewal& renewal,
                       const TokenGrant& grant, Moment now) {
  if (is_being_used(grant.refresh_token)) {
    renewal.next_try = now.steady + look_again;
    return;
  }
  const auto key = tokens_.app_key(name);
  if (const auto* problem = std::get_if<TokenProblem>(&key)) {
    failed(app, renewal, problem->sentence, now);
    app.token.needs_person = true;
    return;
  }
  renewal.is_doubt = !app.breaker.accepts_token(grant.access_token);
  renewal.key = std::get<std::string>(key);
  renewal.before = grant;
  renewal.sent_at = now;
  renewal.request = numbers_.next_number();
  transport_.send(*renewal.request, kdocs_api::refresh_token(app.breaker.settings(), renewal.key,
                                                             grant.refresh_token));
}

bool TokenKeeper::take(Reply& reply) {
  for (auto& [name, renewal] : renewals_) {
    if (renewal.request != reply.request)
      continue;
    renewal.request.reset();
    const Moment now = clock_.now();
    AppState* app = app_of(name);
    if (const auto* answered = std::get_if<Answered>(&reply.delivery))
      arrived(*answered, name, renewal, now);
    else if (const auto* not_sent = std::get_if<NotSent>(&reply.delivery); not_sent && app)
      failed(*app, renewal, "no connection: " + not_sent->reason, now);
    else if (app != nullptr)
      failed(*app, renewal, "no answer: " + std::get<Unanswered>(reply.delivery).reason, now);
    return true;
  }
  return false;
}

void TokenKeeper::arrived(const Answered& reply, const std::string& name, Renewal& renewal,
                          Moment now) {
  auto read = kdocs_api::read_tokens(reply);
  if (const auto* refusal = std::get_if<kdocs_api::TokenRefusal>(&read)) {
    if (AppState* app = app_of(name))
      refused(*refusal, *app, renewal, now);
    return;
  }
  auto& tokens = std::get<kdocs_api::TokenReply>(read);
  TokenGrant grant = renewal.before; // its consent, and its account
  grant.access_token = std::move(tokens.access_token);
  if (!tokens.refresh_token.empty())
    grant.refresh_token = std::move(tokens.refresh_token);
  grant.obtained_at = renewal.sent_at.wall;
  grant.expires_at = renewal.sent_at.wall + tokens.expires_in;
  renewal.unsaved = std::move(grant);
  store(name, renewal, now);
}

void TokenKeeper::refused(const kdocs_api::TokenRefusal& refusal, AppState& app, Renewal& renewal,
                          Moment now) {
  const std::string words = kdocs_api::without_secret(
      kdocs_api::without_secret(refusal.sentence, renewal.key), renewal.before.refresh_token);
  failed(app, renewal, words, now);
  if (refusal.retry_after)
    renewal.next_try = std::max(renewal.next_try, now.steady + *refusal.retry_after);
  if (!refusal.for_good)
    return;
  renewal.refused = renewal.before.refresh_token;
  renewal.next_try = now.steady + refused_again;
  app.token.trouble = "KDocs refuses to renew the access token (" + words + "): " + to_consent(app);
  app.token.needs_person = true;
}

/// Only then it is used: the refresh token that it was paid with may be good for nothing by now.
/// For the same reason it is stored, too, if the app has left the configuration meanwhile.
void TokenKeeper::store(const std::string& name, Renewal& renewal, Moment now) {
  AppState* app = app_of(name);
  if (const auto problem = tokens_.renewed(name, renewal.before.refresh_token, *renewal.unsaved)) {
    renewal.next_try = now.steady + store_again;
    if (app == nullptr)
      return;
    app->token.trouble = "the renewed access token cannot be stored, and until then is not used: " +
                         problem->sentence;
    app->token.needs_person = true;
    return;
  }
  const std::optional<WallTime> consented_at = renewal.unsaved->consented_at;
  renewal.unsaved.reset();
  renewal.refused.clear(); // it was an error
  if (std::exchange(renewal.is_doubt, false))
    renewal.may_doubt_from = now.steady + doubt_again;
  renewal.in_use = ""; // also if the service gives the same one for longer
  renewal.next_look = {};
  renewal.due = SteadyTime::max();
  if (app == nullptr || !consented_at)
    return;
  if (const WallTime ends = *consented_at + kdocs_api::consent_life;
      now.wall >= ends - consent_notice)
    events_.trouble("app " + name + ": the consent ends on " + utc_second(ends).substr(0, 10) +
                    "; before that " + to_consent(*app));
}

void TokenKeeper::failed(AppState& app, Renewal& renewal, const std::string& why, Moment now) {
  renewal.next_try = now.steady + rest_after_failure(renewal.failures++, jitter_);
  app.token.trouble = "the access token cannot be renewed now (" + why + "); it is tried again";
  app.token.needs_person = false;
}

void TokenKeeper::save() {
  for (auto& [name, renewal] : renewals_)
    if (renewal.unsaved)
      store(name, renewal, clock_.now());
}

SteadyTime TokenKeeper::next_wake() const {
  SteadyTime wake = SteadyTime::max();
  for (const auto& [name, renewal] : renewals_)
    if (!renewal.request)
      wake = std::min(wake, renewal.unsaved ? renewal.next_try : ready_at(renewal));
  return wake;
}

std::size_t TokenKeeper::in_flight() const {
  return static_cast<std::size_t>(
      std::count_if(renewals_.begin(), renewals_.end(),
                    [](const auto& entry) { return entry.second.request.has_value(); }));
}

} // namespace kdq
