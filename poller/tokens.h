// Where access tokens come from.
#pragma once

#include <string>
#include <variant>

namespace kdq {

/// Why there is no token to send with, as a sentence that names the file and the repair.
struct TokenProblem {
  std::string sentence;
};

class Tokens {
public:
  virtual ~Tokens() = default;
  /// The app's token as its file has it now; a change of the file is seen at the next call.
  virtual std::variant<std::string, TokenProblem> token(const std::string& app) = 0;
};

} // namespace kdq
