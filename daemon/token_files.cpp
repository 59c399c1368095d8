#include "daemon/token_files.h"

#include "store/base/file_io.h"
#include "store/base/unique_fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace kdq {

namespace {

bool same_file_unchanged(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_ctim.tv_sec == b.st_ctim.tv_sec &&
         a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

/// `handed_over`: by systemd, at the start, come copies of files that only root may read.
std::string cannot_read(int error, bool handed_over) {
  if (error == ENOENT)
    return "does not exist; write the access token into it (mode 600)";
  if (error == EACCES && handed_over)
    return "cannot be read by the user the daemon runs as; a file of the folder secrets is handed "
           "over when the service starts: write the access token into it (mode 600), then: "
           "systemctl restart kdocs-queued; give another file to that user (chown) with mode 600";
  if (error == EACCES)
    return "cannot be read by the user the daemon runs as; give it to that user (chown) with mode "
           "600";
  return std::string("cannot be read: ") + std::strerror(error);
}

std::optional<std::string> access_problem(const std::filesystem::path& file,
                                          const struct stat& info, bool credential) {
  if (!S_ISREG(info.st_mode))
    return "is not a regular file";
  if (info.st_uid != 0 && info.st_uid != geteuid())
    return "belongs to user id " + std::to_string(info.st_uid) +
           ", who could replace it; it must belong to root or to the user the daemon runs as "
           "(chown)";
  const mode_t forbidden = credential ? S_IRWXO | S_IWGRP : S_IRWXG | S_IRWXO;
  if ((info.st_mode & forbidden) != 0)
    return "is open to other users; repair it with: chmod 600 " + file.string();
  return std::nullopt;
}

/// What the file holds, cut off where it is certainly too long; nothing on a read error.
std::optional<std::string> read_bounded(int fd) {
  std::string text(max_token_bytes + 64, '\0'); // room for line ends
  const auto used = read_up_to(fd, text);
  if (!used)
    return std::nullopt;
  text.resize(*used);
  return text;
}

std::optional<std::string> token_text_problem(const std::string& token) {
  if (token.empty())
    return "is empty; write the access token into it";
  if (token.size() > max_token_bytes)
    return "is longer than " + std::to_string(max_token_bytes) +
           " bytes; it must hold the access token and nothing else";
  const auto visible = [](char c) { return c > 0x20 && c < 0x7f; };
  if (!std::all_of(token.begin(), token.end(), visible))
    return "holds spaces, control characters, several lines or characters outside of ASCII; it "
           "must hold the access token on one line and nothing else";
  return std::nullopt;
}

} // namespace

TokenFiles::TokenFiles(std::map<std::string, std::filesystem::path> files,
                       std::filesystem::path credentials_directory)
    : files_(std::move(files)), credentials_directory_(std::move(credentials_directory)) {}

std::variant<std::string, TokenProblem> TokenFiles::token(const std::string& app) {
  const auto file = files_.find(app);
  if (file == files_.end())
    return TokenProblem{"the app \"" + app + "\" has no token_file in the configuration"};
  struct stat now {};
  const bool visible = ::stat(file->second.c_str(), &now) == 0;
  if (const auto known = known_.find(app);
      known != known_.end() && visible && same_file_unchanged(known->second.as, now))
    return known->second.answer;
  struct stat as {};
  auto answer = read(file->second, app, as);
  known_[app] = {as, answer};
  return answer;
}

std::variant<std::string, TokenProblem>
TokenFiles::read(const std::filesystem::path& file, const std::string& app, struct stat& as) const {
  const auto problem = [&](const std::string& what) {
    return TokenProblem{"the token file " + file.string() + " of the app \"" + app + "\" " + what};
  };
  // Without O_NONBLOCK a named pipe in this place would stop the daemon.
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd || ::fstat(fd.get(), &as) != 0)
    return problem(cannot_read(errno, !credentials_directory_.empty()));
  const bool credential =
      !credentials_directory_.empty() && file.parent_path() == credentials_directory_;
  if (const auto what = access_problem(file, as, credential))
    return problem(*what);
  auto token = read_bounded(fd.get());
  if (!token)
    return problem(cannot_read(errno, !credentials_directory_.empty()));
  token->erase(token->find_last_not_of(" \t\r\n") + 1);
  if (const auto what = token_text_problem(*token))
    return problem(*what);
  return std::move(*token);
}

} // namespace kdq
