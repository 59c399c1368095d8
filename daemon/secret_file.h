// Small files that hold a secret and that nobody else may read.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <variant>

namespace kdq {

/// Why a secret cannot be taken from a file, as the end of a sentence that begins with the file.
struct SecretProblem {
  std::string what;
};

/// Whether two looks at a name found the same file with the same content.
bool same_file_unchanged(const struct stat& a, const struct stat& b);

/// Reads the file, at most `most` bytes of it. `as` is how it looked then. It must be a regular
/// file of this user's or root's, closed to all others; one in `credentials_directory` (empty:
/// none) may be group-readable: systemd gives the service access to its credentials by an ACL,
/// which shows as group bits. `name` says what is in it: `the access token`.
std::variant<std::string, SecretProblem>
read_secret_file(const std::filesystem::path& file,
                 const std::filesystem::path& credentials_directory, std::string_view name,
                 std::size_t most, struct stat& as);

/// The same for a file that holds one is_token() and nothing else.
std::variant<std::string, SecretProblem>
read_secret(const std::filesystem::path& file, const std::filesystem::path& credentials_directory,
            std::string_view name, struct stat& as);

} // namespace kdq
