#include "poller/engine/app_tokens.h"

#include "poller/quota/circuit_breaker.h"
#include "poller/tokens.h"

#include <utility>

namespace kdq {

const std::string* AppTokens::usable(CircuitBreaker& breaker, SteadyTime now) {
  if (const auto known = read_.find(breaker.name()); known != read_.end())
    return known->second.empty() ? nullptr : &known->second;
  std::string& slot = read_[breaker.name()];
  auto read = tokens_.token(breaker.name());
  if (const auto* problem = std::get_if<TokenProblem>(&read)) {
    breaker.no_token(problem->sentence, now);
    return nullptr;
  }
  std::string& value = std::get<std::string>(read);
  if (!breaker.accepts_token(value)) {
    breaker.no_token(
        "KDocs refuses the access token: put a fresh one into the token file, which is "
        "read again when it changes (under systemd: systemctl restart kdocs-queued)",
        now);
    return nullptr;
  }
  slot = std::move(value);
  return &slot;
}

} // namespace kdq
