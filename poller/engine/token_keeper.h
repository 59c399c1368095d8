// Keeps the access tokens fresh: renews each before it ends, and once it is refused.
#pragma once

#include "poller/engine/app_states.h"
#include "poller/tokens.h"
#include "poller/transport.h"

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>

namespace kdq {

class Clock;
class Events;
class InFlightTable;
class Jitter;
struct AppState;
namespace kdocs_api {
struct TokenRefusal;
}

/// Of an app at most one renewal is under way, and what came of it is on disk before it is used. A
/// renewal without an answer is repeated with the same refresh token: whether that one is still
/// good only the service knows.
class TokenKeeper {
public:
  TokenKeeper(Tokens& tokens, AppStates& apps, InFlightTable& numbers, Transport& transport,
              Clock& clock, Events& events, Jitter& jitter);

  /// The apps' settings have changed, or which apps there are.
  void configure();
  /// Sends what is due, stores what could not be stored before, and notices a new consent.
  void work();
  /// Whether the reply is one to a renewal: then it is dealt with, and `reply` is used up.
  bool take(Reply& reply);
  /// For the end: what could not be stored before is tried once more.
  void save();
  /// When work() has something to do; far future: nothing. A new consent it notices later.
  SteadyTime next_wake() const;
  /// Renewals under way.
  std::size_t in_flight() const;

private:
  struct Renewal {
    std::optional<RequestId> request; ///< under way
    std::string key;                  ///< the app's secret that it carries
    TokenGrant before;                ///< what it renews, or what the last one did
    Moment sent_at;
    bool is_doubt = false;             ///< it was sent because the access token was refused
    std::optional<TokenGrant> unsaved; ///< came in answer to it, and is not on disk yet
    SteadyTime next_try{};             ///< not before
    int failures = 0;                  ///< in a row
    std::string refused;               ///< a refresh token that the service does not take
    /// The access token at the last look; empty: there was none; nothing: that is still to come.
    std::optional<std::string> in_use;
    SteadyTime due{};            ///< far future: never
    SteadyTime next_look{};      ///< at the file
    SteadyTime may_doubt_from{}; ///< from then on a refused token is a reason to renew it
    std::chrono::milliseconds early{0};
  };

  /// Null: the app's tokens are not kept here, or not any more.
  AppState* app_of(const std::string& name);
  static SteadyTime ready_at(const Renewal& renewal);
  bool is_being_used(const std::string& refresh_token) const;
  void work(const std::string& name, AppState& app, Renewal& renewal, Moment now);
  void look(const std::string& name, AppState& app, Renewal& renewal, Moment now);
  void changed(const TokenGrant& grant, AppState& app, Renewal& renewal, Moment now);
  SteadyTime due(const TokenGrant& grant, AppState& app, Renewal& renewal, Moment now) const;
  void send(const std::string& name, AppState& app, Renewal& renewal, const TokenGrant& grant,
            Moment now);
  void arrived(const Answered& reply, const std::string& name, Renewal& renewal, Moment now);
  void refused(const kdocs_api::TokenRefusal& refusal, AppState& app, Renewal& renewal, Moment now);
  void store(const std::string& name, Renewal& renewal, Moment now);
  void failed(AppState& app, Renewal& renewal, const std::string& why, Moment now);

  Tokens& tokens_;
  AppStates& apps_;
  InFlightTable& numbers_;
  Transport& transport_;
  Clock& clock_;
  Events& events_;
  Jitter& jitter_;
  std::map<std::string, Renewal> renewals_; ///< by app
};

} // namespace kdq
