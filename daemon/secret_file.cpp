#include "daemon/secret_file.h"

#include "poller/api/kdocs_tokens.h"
#include "store/base/file_io.h"
#include "store/base/unique_fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

namespace kdq {

namespace {

/// `handed_over`: by systemd, at the start, come copies of files that only root may read.
std::string cannot_read(int error, std::string_view name, bool handed_over) {
  if (error == ENOENT)
    return "does not exist; write " + std::string(name) + " into it (mode 600)";
  if (error == EACCES && handed_over)
    return "cannot be read by the user the daemon runs as; a file of the folder secrets is handed "
           "over when the service starts: write " +
           std::string(name) +
           " into it (mode 600), then: systemctl restart kdocs-queued; give another file to that "
           "user (chown) with mode 600";
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

} // namespace

bool same_file_unchanged(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec && a.st_ctim.tv_sec == b.st_ctim.tv_sec &&
         a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

std::variant<std::string, SecretProblem>
read_secret_file(const std::filesystem::path& file,
                 const std::filesystem::path& credentials_directory, std::string_view name,
                 std::size_t most, struct stat& as) {
  // Without O_NONBLOCK a named pipe in this place would stop the daemon.
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd || ::fstat(fd.get(), &as) != 0)
    return SecretProblem{cannot_read(errno, name, !credentials_directory.empty())};
  const bool credential =
      !credentials_directory.empty() && file.parent_path() == credentials_directory;
  if (const auto what = access_problem(file, as, credential))
    return SecretProblem{*what};
  std::string text(most, '\0');
  const auto used = read_up_to(fd.get(), text);
  if (!used)
    return SecretProblem{cannot_read(errno, name, !credentials_directory.empty())};
  text.resize(*used);
  return text;
}

std::variant<std::string, SecretProblem>
read_secret(const std::filesystem::path& file, const std::filesystem::path& credentials_directory,
            std::string_view name, struct stat& as) {
  constexpr std::size_t line_ends = 64;
  auto read = read_secret_file(file, credentials_directory, name,
                               kdocs_api::max_token_bytes + line_ends, as);
  auto* text = std::get_if<std::string>(&read);
  if (text == nullptr)
    return read;
  text->erase(text->find_last_not_of(" \t\r\n") + 1);
  if (kdocs_api::is_token(*text))
    return read;
  const std::string wanted = std::string(name);
  if (text->empty())
    return SecretProblem{"is empty; write " + wanted + " into it"};
  if (text->size() > kdocs_api::max_token_bytes)
    return SecretProblem{"is longer than " + std::to_string(kdocs_api::max_token_bytes) +
                         " bytes; it must hold " + wanted + " and nothing else"};
  return SecretProblem{"holds spaces, control characters, several lines or characters outside of "
                       "ASCII; it must hold " +
                       wanted + " on one line and nothing else"};
}

} // namespace kdq
