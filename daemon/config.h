// The configuration file: JSON with comments, every key known, every mistake a sentence.
#pragma once

#include "daemon/logging.h"
#include "daemon/token_files.h"
#include "poller/settings.h"

#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace kdq {

/// A mistake in the configuration. The text names the file, the key and what is wanted.
struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What the command line says; it wins over the file. All but `database` apply to the app
/// `default`.
struct Overrides {
  std::optional<std::string> database;
  std::optional<std::string> base_url;
  std::optional<std::string> token_file;
  std::optional<std::string> tier;
};

/// What a login needs of an app that has an app_id.
struct LoginSettings {
  std::string redirect_uri; ///< as it is registered with the vendor; empty: not configured
  std::string scopes;       ///< joined by commas
};

struct Config {
  std::filesystem::path database;      ///< absolute, without links in it
  std::filesystem::path database_name; ///< absolute, as it is configured: it leads to `database`
  LogLevel log_level = LogLevel::info;
  EngineSettings engine;
  std::map<std::string, TokenSource> token_sources; ///< by app; not of one that has none
  std::map<std::string, LoginSettings> logins;      ///< by app; of those with an app_id
  std::map<std::string, std::string> tiers;         ///< by app; for people only
};

/// Reads `file` (none: only defaults), applies `overrides`, and validates everything that needs no
/// network and no token. Relative paths of the file are relative to its folder, those of the
/// command line to the current one; a relative token file `secrets/token` is taken from
/// `credentials_directory` (empty: none) if that has `secrets_token`. Throws ConfigError.
Config load_config(const std::optional<std::filesystem::path>& file, const Overrides& overrides,
                   const std::filesystem::path& credentials_directory = {});

/// Throws ConfigError if an app has neither a token file nor an app_id: then nothing can be sent.
void require_token_sources(const Config& config);

} // namespace kdq
