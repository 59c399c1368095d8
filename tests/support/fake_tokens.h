// One app's tokens without a file.
#pragma once

#include "poller/tokens.h"

#include <optional>
#include <string>
#include <variant>

namespace kdq::test {

class FakeTokens : public Tokens {
public:
  const std::variant<TokenGrant, TokenProblem>& grant(const std::string&) override {
    return current;
  }
  std::variant<std::string, TokenProblem> app_key(const std::string&) override { return key; }
  std::optional<TokenProblem> renewed(const std::string&, const std::string& refresh_token,
                                      const TokenGrant& grant) override {
    if (full)
      return TokenProblem{"no space left on device"};
    if (auto* before = std::get_if<TokenGrant>(&current);
        before && before->refresh_token == refresh_token)
      *before = grant;
    return std::nullopt;
  }

  std::variant<TokenGrant, TokenProblem> current = lone_token("secret-token");
  std::variant<std::string, TokenProblem> key = std::string("app-secret");
  bool full = false; ///< the disk
};

} // namespace kdq::test
