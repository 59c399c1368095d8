#include "daemon/token_files.h"

#include "daemon/secret_file.h"
#include "daemon/token_store.h"

#include <optional>
#include <utility>

namespace kdq {

namespace {

TokenProblem problem(const std::string& file, const std::filesystem::path& path,
                     const std::string& app, const std::string& what) {
  return {"the " + file + " " + path.string() + " of the app \"" + app + "\" " + what};
}

TokenStore store_of(const TokenSource& source) {
  return {source.token_store, source.app_id, source.login};
}

} // namespace

TokenFiles::TokenFiles(std::map<std::string, TokenSource> sources,
                       std::filesystem::path credentials_directory)
    : sources_(std::move(sources)), credentials_directory_(std::move(credentials_directory)) {}

void TokenFiles::configure(std::map<std::string, TokenSource> sources) {
  sources_ = std::move(sources);
  known_.clear();
}

const std::variant<TokenGrant, TokenProblem>& TokenFiles::grant(const std::string& app) {
  Known& known = known_[app];
  const auto source = sources_.find(app);
  if (source == sources_.end()) {
    known.answer = TokenProblem{"the app \"" + app +
                                "\" has no token_file and no app_id in the "
                                "configuration"};
    return known.answer;
  }
  const auto& file =
      source->second.token_file.empty() ? source->second.token_store : source->second.token_file;
  struct stat now {};
  if (::stat(file.c_str(), &now) == 0 && same_file_unchanged(known.as, now))
    return known.answer;
  struct stat as {};
  known.answer = read(source->second, app, as);
  known.as = as;
  return known.answer;
}

TokenFiles::Answer TokenFiles::read(const TokenSource& source, const std::string& app,
                                    struct stat& as) const {
  if (source.token_file.empty())
    return store_of(source).read(as);
  auto read = read_secret(source.token_file, credentials_directory_, "the access token", as);
  if (const auto* secret = std::get_if<SecretProblem>(&read))
    return problem("token file", source.token_file, app, secret->what);
  return lone_token(std::move(std::get<std::string>(read)));
}

std::variant<std::string, TokenProblem> TokenFiles::app_key(const std::string& app) {
  const TokenSource& source = renewed_[app] = sources_.at(app);
  const auto& file = source.app_key_file;
  struct stat as {};
  auto read = read_secret(file, credentials_directory_, "the app_key", as);
  if (const auto* secret = std::get_if<SecretProblem>(&read))
    return problem("app key file", file, app, secret->what);
  return std::move(std::get<std::string>(read));
}

std::optional<TokenProblem> TokenFiles::renewed(const std::string& app,
                                                const std::string& refresh_token,
                                                const TokenGrant& grant) {
  return store_of(renewed_.at(app)).replace(refresh_token, grant);
}

} // namespace kdq
