#include "daemon/check.h"

#include "daemon/instance_lock.h"
#include "daemon/notify_config.h"
#include "daemon/summary.h"
#include "daemon/token_files.h"
#include "store/database.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ostream>
#include <string>

namespace kdq {

namespace {

/// Prints one line per fact and remembers whether any was bad.
class Findings {
public:
  explicit Findings(std::ostream& out) : out_(out) {}
  void good(const std::string& text) { out_ << "ok:      " << text << '\n'; }
  void bad(const std::string& text) {
    out_ << "problem: " << text << '\n';
    all_well_ = false;
  }
  bool all_well() const { return all_well_; }

private:
  std::ostream& out_;
  bool all_well_ = true;
};

std::string store_sentence(const TokenSource& source, const std::string& app,
                           const TokenGrant& grant) {
  std::string text =
      "the token store " + source.token_store.string() + " of the app \"" + app + "\" holds tokens";
  if (grant.expires_at)
    text += "; the access token ends at " + utc_second(*grant.expires_at);
  if (grant.consented_at)
    text += "; a person consented at " + utc_second(*grant.consented_at) +
            ", which is good for about 90 days";
  return text;
}

void check_tokens(const Config& config, const std::filesystem::path& credentials,
                  Findings& findings) {
  TokenFiles tokens(config.token_sources, credentials);
  for (const auto& [app, settings] : config.engine.apps) {
    const TokenSource& source = config.token_sources.at(app);
    const bool keeps_tokens = source.token_file.empty();
    if (keeps_tokens) {
      const auto key = tokens.app_key(app);
      if (const auto* problem = std::get_if<TokenProblem>(&key))
        findings.bad(problem->sentence);
    }
    const auto& answer = tokens.grant(app);
    if (const auto* problem = std::get_if<TokenProblem>(&answer))
      findings.bad(problem->sentence);
    else if (keeps_tokens)
      findings.good(store_sentence(source, app, std::get<TokenGrant>(answer)));
    else
      findings.good("the token file " + source.token_file.string() + " of the app \"" + app +
                    "\" holds a token of " +
                    std::to_string(std::get<TokenGrant>(answer).access_token.size()) +
                    " characters (whether the service accepts it shows only in use)");
  }
}

void check_commands(const Config& config, Findings& findings) {
  for (const NotifyRule& rule : config.engine.notify) {
    const std::string program = argv_of(rule).front();
    if (::access(program.c_str(), X_OK) != 0)
      findings.bad("the program " + program +
                   " of the setting notify cannot be run: " + std::strerror(errno));
  }
}

void check_database(const std::filesystem::path& file, Findings& findings) {
  const std::string name = file.string();
  const std::string folder = file.parent_path().string();
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
    return findings.bad("the folder " + folder +
                        " of the database does not exist; create it: mkdir -p " + folder);
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return findings.bad("the folder " + folder + " is not writable for this user (" +
                        std::strerror(errno) + "); SQLite must create files beside the database");
  if (::stat(file.c_str(), &info) != 0 && errno == ENOENT)
    return findings.good("the database " + name +
                         " does not exist yet; run or init will create it");
  if (!S_ISREG(info.st_mode))
    return findings.bad(name + " is not a regular file, so it cannot be the database");
  if (::access(file.c_str(), R_OK | W_OK) != 0)
    return findings.bad("the database " + name + " belongs to user id " +
                        std::to_string(info.st_uid) + " and this user may not write it (" +
                        std::strerror(errno) + ")");
  // This process has no connection to it, so looking at its bytes drops no lock of SQLite's.
  if (const std::string refusal = Database::refusal(file); !refusal.empty())
    return findings.bad(refusal);
  findings.good("the database " + name + " exists and can be written");
}

void check_backups(const BackupSettings& backup, Findings& findings) {
  if (backup.directory.empty())
    return;
  const std::string folder = backup.directory.string();
  struct stat info {};
  if (::stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
    return findings.bad("the folder " + folder +
                        " for backups (backup.directory) does not exist; create it: mkdir -m 2750 "
                        "-p " +
                        folder);
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return findings.bad("the folder " + folder + " for backups is not writable for this user (" +
                        std::strerror(errno) + ")");
  findings.good("the folder " + folder + " for backups can be written");
}

} // namespace

bool check(const Config& config, const std::filesystem::path& credentials_directory,
           std::ostream& out) {
  Findings findings(out);
  findings.good("the configuration is valid");
  check_tokens(config, credentials_directory, findings);
  check_commands(config, findings);
  check_database(config.database, findings);
  check_backups(config.engine.backup, findings);
  const auto holder = InstanceLock::holder(config.database);
  if (holder)
    findings.good("a kdocs-queued works on this database now: process " + *holder +
                  "; a second one would refuse to start");
  if (!findings.all_well()) {
    out << "run would not work as it should until this is repaired.\n";
    return false;
  }
  out << "What run would do" << (holder ? " once that one has stopped" : "") << ":\n";
  for (const auto& line : summary(config))
    out << "  " << line << '\n';
  return true;
}

} // namespace kdq
