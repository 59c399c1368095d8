// `kdocs-queued login`: takes a person's consent and fills the token store with what it brings.
#pragma once

#include "daemon/config.h"

#include <iosfwd>
#include <optional>
#include <stdexcept>
#include <string>

namespace kdq {

/// The login did not come about, and nothing was changed: why, as a sentence.
struct LoginError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct LoginOptions {
  std::optional<std::string> app; ///< none: the only one with an app_id, or `default`
  bool paste = false;             ///< the address is pasted, whatever redirect_uri is
};

/// Prints where to consent to `out`; waits ten minutes for the browser, or for a line in `in`.
/// Throws LoginError.
void login(const Config& config, const std::filesystem::path& credentials_directory,
           const LoginOptions& options, std::istream& in, std::ostream& out);

} // namespace kdq
