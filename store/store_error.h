// What SQLite refuses, as one of our kinds of trouble with a sentence that says what to do.
#pragma once

#include <filesystem>
#include <string>

namespace SQLite {
class Database;
class Exception;
} // namespace SQLite

namespace kdq {

/// Throws StoreUnavailable, StoreBroken or StoreIncomplete. `connection`: to be asked what in the
/// file is not ours, outside of a transaction; null: there is none yet.
[[noreturn]] void rethrow(const SQLite::Exception& error, const std::filesystem::path& file,
                          SQLite::Database* connection);

/// Throws StoreUnavailable: a change that must be possible has changed nothing. `what`: of whom.
[[noreturn]] void throw_ignored(SQLite::Database& connection, const std::string& table,
                                const std::string& what);

/// Who may write what, and the command that repairs it; or that no descriptor is left, which looks
/// the same to SQLite.
std::string permission_sentence(const std::filesystem::path& file);

/// The same for somebody who is only a user of the queue: the file is not to become his own.
std::string member_sentence(const std::filesystem::path& file);

/// Which tables or columns have another name now, and the statements that undo it; empty: none.
std::string altered_sentence(SQLite::Database& connection, const std::filesystem::path& file);

/// What is missing, and how to get it back; empty: nothing.
std::string incomplete_sentence(SQLite::Database& connection, const std::filesystem::path& file);

/// Throws StoreIncomplete with one of these two sentences, if there is one.
void require_whole(SQLite::Database& connection, const std::filesystem::path& file);

} // namespace kdq
