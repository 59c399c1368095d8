// The configuration file: JSON with comments, every key known, every mistake a sentence.
#pragma once

#include "daemon/logging.h"
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

struct Config {
  std::filesystem::path database;      ///< absolute, without links in it
  std::filesystem::path database_name; ///< absolute, as it is configured: it leads to `database`
  LogLevel log_level = LogLevel::info;
  EngineSettings engine;
  std::map<std::string, std::filesystem::path> token_files; ///< by app; absolute
  std::map<std::string, std::string> tiers;                 ///< by app; for people only
};

/// Reads `file` (none: only defaults), applies `overrides`, and validates everything that needs no
/// network and no token. Relative paths of the file are relative to its folder, those of the
/// command line to the current one; a relative token file `secrets/token` is taken from
/// `credentials_directory` (empty: none) if that has `secrets_token`. Throws ConfigError.
Config load_config(const std::optional<std::filesystem::path>& file, const Overrides& overrides,
                   const std::filesystem::path& credentials_directory = {});

/// Throws ConfigError if an app has no token file: without one nothing can be sent.
void require_token_files(const Config& config);

} // namespace kdq
