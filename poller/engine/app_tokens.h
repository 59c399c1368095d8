// The access tokens of one round of sending.
#pragma once

#include "store/base/time.h"

#include <map>
#include <string>

namespace kdq {

class Tokens;
struct AppState;

/// Reads each app's token at most once a round.
class AppTokens {
public:
  explicit AppTokens(Tokens& tokens) : tokens_(tokens) {}

  void begin_round() { read_.clear(); }
  /// The app's token; null if there is none that has not run out and that the service has not
  /// refused: its breaker knows then.
  const std::string* usable(AppState& app, Moment now);
  /// Of an app for which usable() has given one in this round.
  const std::string& of(const std::string& app) const { return read_.at(app); }

private:
  Tokens& tokens_;
  std::map<std::string, std::string> read_; ///< by app; empty: none is usable
};

} // namespace kdq
