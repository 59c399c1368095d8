#include "daemon/token_store.h"

#include "daemon/secret_file.h"
#include "poller/api/kdocs_tokens.h"
#include "store/base/file_io.h"
#include "store/base/unique_fd.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

namespace kdq {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

/// Two tokens of the longest, twice as long as JSON, and the rest.
constexpr std::size_t most_bytes = 65'536;
constexpr mode_t file_mode = S_IRUSR | S_IWUSR;
constexpr mode_t folder_mode = S_IRWXU;
/// How long a writer waits for another one, who needs as long as the disk does: a person's consent
/// is not to be lost, and the daemon has other things to do, and tries again.
constexpr std::chrono::milliseconds login_patience{10'000};
constexpr std::chrono::milliseconds renewal_patience{100};
constexpr std::chrono::milliseconds lock_again{10};

std::string cannot_write(int error) {
  return std::string("cannot be written: ") + std::strerror(error);
}

/// The folder, locked against other writers as long as this lives.
struct Folder {
  UniqueFd fd;
  uid_t owner = 0;
  gid_t group = 0;
};

std::string unusable(int error) {
  return std::string("cannot be written, because its folder cannot be used: ") +
         std::strerror(error);
}

/// Makes it, if only that is missing; or says why it cannot be used. Members of a group may write
/// the folder above it, and could put one of theirs in its place: what is written there would be
/// theirs.
std::variant<Folder, std::string> open_folder(const std::filesystem::path& path,
                                              std::chrono::milliseconds patience) {
  struct stat above {};
  if (::stat(path.parent_path().c_str(), &above) != 0)
    return unusable(errno);
  const bool is_root = ::geteuid() == 0;
  const bool is_new = ::mkdir(path.c_str(), folder_mode) == 0;
  if (!is_new && errno != EEXIST)
    return unusable(errno);
  Folder folder{UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)), 0,
                0};
  struct stat info {};
  // Made by root for the daemon, which runs as the owner of the folder above.
  if (!folder.fd || ::fstat(folder.fd.get(), &info) != 0 ||
      (is_new && is_root && ::fchown(folder.fd.get(), above.st_uid, above.st_gid) != 0) ||
      ::fstat(folder.fd.get(), &info) != 0)
    return unusable(errno);
  folder.owner = info.st_uid;
  folder.group = info.st_gid;
  const bool is_ours =
      info.st_uid == ::geteuid() || info.st_uid == 0 || (is_root && info.st_uid == above.st_uid);
  if (!is_ours || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return "cannot be written: its folder must belong to the user the daemon runs as, and nobody "
           "else may write it (chmod 700 " +
           path.string() + ")";
  for (auto waited = 0ms; ::flock(folder.fd.get(), LOCK_EX | LOCK_NB) != 0; waited += lock_again) {
    if (errno != EWOULDBLOCK)
      return unusable(errno);
    if (waited >= patience)
      return "is being written by another program, which does not come to an end";
    std::this_thread::sleep_for(lock_again);
  }
  return folder;
}

/// Replaces the file in one step; false: errno says why not.
bool write_into(const Folder& folder, const std::string& name, const std::string& text) {
  const std::string draft = "." + name + ".new";
  ::unlinkat(folder.fd.get(), draft.c_str(), 0); // of one that was killed
  const UniqueFd fd(::openat(folder.fd.get(), draft.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file_mode));
  // By root for the daemon.
  const bool is_ours = folder.owner == ::geteuid() || ::geteuid() != 0;
  return fd && (is_ours || ::fchown(fd.get(), folder.owner, folder.group) == 0) &&
         ::fchmod(fd.get(), file_mode) == 0 && write_all(fd.get(), text) &&
         ::fsync(fd.get()) == 0 &&
         ::renameat(folder.fd.get(), draft.c_str(), folder.fd.get(), name.c_str()) == 0 &&
         ::fsync(folder.fd.get()) == 0;
}

std::string text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::optional<WallTime> time_in(const json& object, const char* name) {
  return parse_time(text_in(object, name));
}

std::string as_text(const TokenGrant& grant, const std::string& app_id) {
  json object{{"app_id", app_id},
              {"access_token", grant.access_token},
              {"refresh_token", grant.refresh_token}};
  const auto add = [&](const char* name, const std::optional<WallTime>& time) {
    if (time)
      object[name] = to_text(*time);
  };
  add("obtained_at", grant.obtained_at);
  add("expires_at", grant.expires_at);
  add("consented_at", grant.consented_at);
  if (!grant.account.empty())
    object["account"] = grant.account;
  return object.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace

TokenStore::TokenStore(std::filesystem::path file, std::string app_id, std::string login)
    : file_(std::move(file)), app_id_(std::move(app_id)), login_(std::move(login)) {}

TokenProblem TokenStore::problem(const std::string& what) const {
  return {"the token store " + file_.string() + " " + what};
}

std::variant<TokenGrant, TokenProblem> TokenStore::read(struct stat& as) const {
  struct stat there {};
  if (::stat(file_.c_str(), &there) != 0 && errno == ENOENT)
    return problem("does not exist: a person has to consent: " + login_);
  const auto read = read_secret_file(file_, {}, "tokens", most_bytes + 1, as);
  if (const auto* secret = std::get_if<SecretProblem>(&read))
    return problem(secret->what);
  return parse(std::get<std::string>(read));
}

std::variant<TokenGrant, TokenProblem> TokenStore::parse(const std::string& text) const {
  const std::string again = "; a person has to consent anew: " + login_;
  const json object =
      text.size() > most_bytes ? json() : json::parse(text, nullptr, /*allow_exceptions*/ false);
  if (!object.is_object())
    return problem("holds no tokens, or not only tokens" + again);
  if (const std::string app_id = text_in(object, "app_id"); app_id != app_id_)
    return problem("holds tokens of another app_id" + again);
  TokenGrant grant;
  grant.access_token = text_in(object, "access_token");
  grant.refresh_token = text_in(object, "refresh_token");
  if (!kdocs_api::is_token(grant.access_token) ||
      !(grant.refresh_token.empty() || kdocs_api::is_token(grant.refresh_token)))
    return problem("holds no usable token" + again);
  grant.obtained_at = time_in(object, "obtained_at");
  grant.expires_at = time_in(object, "expires_at");
  grant.consented_at = time_in(object, "consented_at");
  grant.account = text_in(object, "account");
  return grant;
}

std::optional<TokenProblem> TokenStore::prepare() const {
  const auto folder = open_folder(file_.parent_path(), login_patience);
  if (const auto* what = std::get_if<std::string>(&folder))
    return problem(*what);
  if (::faccessat(std::get<Folder>(folder).fd.get(), ".", W_OK | X_OK, AT_EACCESS) != 0)
    return problem(cannot_write(errno));
  return std::nullopt;
}

std::optional<TokenProblem> TokenStore::write(const TokenGrant& grant) const {
  return write_over([&](const auto&) { return std::optional(grant); }, login_patience);
}

std::optional<TokenProblem> TokenStore::replace(const std::string& refresh_token,
                                                const TokenGrant& grant) const {
  const auto successor = [&](const auto& before) {
    std::optional<TokenGrant> renewed = grant;
    const auto* known = std::get_if<TokenGrant>(&before);
    if (known == nullptr)
      return renewed;
    renewed->consented_at = known->consented_at;
    renewed->account = known->account;
    return known->refresh_token == refresh_token ? renewed : std::nullopt;
  };
  return write_over(successor, renewal_patience);
}

std::optional<TokenProblem> TokenStore::write_over(const Succession& successor,
                                                   std::chrono::milliseconds patience) const {
  const auto folder = open_folder(file_.parent_path(), patience);
  if (const auto* what = std::get_if<std::string>(&folder))
    return problem(*what);
  struct stat as {};
  const std::optional<TokenGrant> grant = successor(read(as));
  if (grant &&
      !write_into(std::get<Folder>(folder), file_.filename().string(), as_text(*grant, app_id_)))
    return problem(cannot_write(errno));
  return std::nullopt;
}

} // namespace kdq
