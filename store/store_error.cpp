#include "store/store_error.h"

#include "store/base/descriptors.h"
#include "store/connection.h"
#include "store/database.h"
#include "store/schema_objects.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

namespace kdq {
namespace {

using Cause = StoreUnavailable::Cause;

// Of them the sentence gives the statements.
constexpr std::size_t most_guards = 5;

std::string group_of(const struct stat& info) {
  const group* grp = getgrgid(info.st_gid);
  return grp ? grp->gr_name : std::to_string(info.st_gid);
}

std::string owner_of(const struct stat& info) {
  const passwd* user = getpwuid(info.st_uid);
  return (user ? user->pw_name : std::to_string(info.st_uid)) + ":" + group_of(info);
}

std::string user_name() {
  const passwd* self = getpwuid(geteuid());
  return self ? self->pw_name : std::to_string(geteuid());
}

std::string mode_of(const struct stat& info) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(info.st_mode & 07777));
  return text;
}

std::string rights_sentence(const std::filesystem::path& file) {
  std::string text = "cannot write " + file.string() + " as user " + user_name();
  struct stat info {};
  if (stat(file.c_str(), &info) == 0)
    text += ": the file is owned by " + owner_of(info) + " with mode " + mode_of(info);
  if (stat(file.parent_path().c_str(), &info) == 0)
    text += "; its folder by " + owner_of(info) + " with mode " + mode_of(info);
  return text;
}

std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name)
    text.append(c == '"' ? 2 : 1, c);
  return text + '"';
}

/// `. The trigger "ann" on jobs is not ours: it goes with DROP TRIGGER "ann"`; empty: there is
/// none.
std::string blame(const std::vector<SchemaObject>& guards) {
  if (guards.empty())
    return {};
  std::string names;
  std::string statements;
  for (std::size_t i = 0; i < guards.size() && i < most_guards; ++i) {
    const SchemaObject& guard = guards[i];
    const bool is_trigger = guard.type == "trigger";
    names += names.empty() ? "the " : ", the ";
    names += (is_trigger ? "trigger " : "unique index ") + quoted(guard.name) + " on ";
    names += guard.table;
    statements += statements.empty() ? "" : "; ";
    statements += (is_trigger ? "DROP TRIGGER " : "DROP INDEX ") + quoted(guard.name);
  }
  if (guards.size() > most_guards)
    names += " and " + std::to_string(guards.size() - most_guards) + " more";
  const bool one = guards.size() == 1;
  return ". Not ours " + std::string(one ? "is " : "are ") + names +
         (one ? ": it goes" : ": they go") + " with " + statements;
}

/// The sentence must come, whatever state the file is in.
std::vector<SchemaObject> guards_of(SQLite::Database* connection) {
  try {
    return connection ? foreign_guards(*connection) : std::vector<SchemaObject>{};
  } catch (const SQLite::Exception&) {
    return {};
  }
}

[[noreturn]] void rethrow_refusal(const SQLite::Exception& error, const std::filesystem::path& file,
                                  SQLite::Database* connection) {
  const bool is_constraint = primary_code(error) == SQLITE_CONSTRAINT;
  if (connection && !is_constraint)
    if (const std::string missing = incomplete_sentence(*connection, file); !missing.empty())
      throw StoreIncomplete(missing);
  const std::vector<SchemaObject> guards = guards_of(connection);
  if (is_constraint || !guards.empty())
    throw StoreUnavailable(file.string() + " refuses what kdocs-queued writes: " + error.what() +
                               blame(guards),
                           Cause::refused);
  throw StoreIncomplete(file.string() + " does not work as kdocs-queued made it: " + error.what());
}

} // namespace

std::string permission_sentence(const std::filesystem::path& file) {
  if (std::string shortage = descriptor_shortage(); !shortage.empty())
    return shortage;
  const std::string folder = file.parent_path().string();
  return rights_sentence(file) + ". Repair: chown " + user_name() + ": " + folder + " " +
         file.string() + "* && chmod 2770 " + folder + " && chmod 0660 " + file.string() + "*";
}

std::string member_sentence(const std::filesystem::path& file) {
  if (std::string shortage = descriptor_shortage(); !shortage.empty())
    return shortage;
  struct stat info {};
  if (stat(file.parent_path().c_str(), &info) != 0)
    return rights_sentence(file);
  return rights_sentence(file) + ". Its group may: adduser " + user_name() + " " + group_of(info) +
         ", and log in anew";
}

void rethrow(const SQLite::Exception& error, const std::filesystem::path& file,
             SQLite::Database* connection) {
  const std::string name = file.string();
  const std::string detail = std::string(": ") + error.what();
  switch (primary_code(error)) {
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    throw StoreUnavailable(name + " is locked by another program" + detail);
  case SQLITE_FULL:
    throw StoreUnavailable("the disk of " + name + " is full" + detail);
  case SQLITE_READONLY:
  case SQLITE_CANTOPEN:
  case SQLITE_PERM:
    // The command stands last, to be copied.
    throw StoreUnavailable(name + detail + ": " + permission_sentence(file));
  case SQLITE_INTERRUPT:
    throw StoreUnavailable("a change of " + name + " did not come to an end and was given up" +
                               blame(guards_of(connection)),
                           Cause::too_long);
  case SQLITE_NOMEM:
    throw StoreUnavailable("a change of " + name + " needs more memory than there is for it" +
                               blame(guards_of(connection)),
                           Cause::too_long);
  case SQLITE_TOOBIG:
    throw StoreUnavailable("a value in " + name + " is longer than kdocs-queued takes (" +
                               std::to_string(longest_value_bytes) +
                               " bytes); if it is a job's: DELETE FROM jobs WHERE state = 'queued' "
                               "AND length(CAST(script AS BLOB)) > " +
                               std::to_string(longest_value_bytes) + blame(guards_of(connection)),
                           Cause::too_long);
  case SQLITE_CONSTRAINT:
  case SQLITE_ERROR:
  case SQLITE_MISMATCH:
    rethrow_refusal(error, file, connection);
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    throw StoreBroken(name + " is damaged or no SQLite database" + detail +
                      ". Restore a backup, or move it away to start with an empty queue");
  default:
    throw StoreBroken(name + detail + " (code " + std::to_string(error.getExtendedErrorCode()) +
                      ")");
  }
}

void throw_ignored(SQLite::Database& connection, const std::string& table,
                   const std::string& what) {
  throw StoreUnavailable(std::string(sqlite3_db_filename(connection.getHandle(), "main")) +
                             " ignores what kdocs-queued writes into " + table + " of " + what +
                             blame(foreign_guards(connection, table)),
                         Cause::refused);
}

std::string incomplete_sentence(SQLite::Database& connection, const std::filesystem::path& file) {
  const std::vector<SchemaObject> missing = missing_objects(connection);
  if (missing.empty())
    return {};
  return file.string() + " lacks " + names_of(missing) +
         ": somebody has dropped it. To get it back, empty, and keep the rest: kdocs-queued init "
         "--database " +
         file.string();
}

} // namespace kdq
