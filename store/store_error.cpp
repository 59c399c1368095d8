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

/// `the trigger "ann" on jobs, the unique index "one" on jobs`
std::string places_of(const std::vector<SchemaObject>& objects) {
  std::string names;
  for (std::size_t i = 0; i < objects.size() && i < most_guards; ++i) {
    const SchemaObject& object = objects[i];
    names += names.empty() ? "the " : ", the ";
    names += is_unique_index(object) ? "unique index" : object.type;
    names += " " + quoted(object.name) + " on " + object.table;
  }
  if (objects.size() > most_guards)
    names += " and " + std::to_string(objects.size() - most_guards) + " more";
  return (objects.size() == 1 ? "is " : "are ") + names;
}

std::string drops_of(const std::vector<SchemaObject>& guards) {
  std::string statements;
  for (std::size_t i = 0; i < guards.size() && i < most_guards; ++i) {
    statements += statements.empty() ? "" : "; ";
    statements += (guards[i].type == "trigger" ? "DROP TRIGGER " : "DROP INDEX ");
    statements += quoted(guards[i].name);
  }
  return statements;
}

/// What may be to blame for a refusal.
struct Suspects {
  std::vector<SchemaObject> foreign;
  std::vector<SchemaObject> changed; ///< of ours
};

/// `table` empty: of all tables.
Suspects suspects_of(SQLite::Database& connection, const std::string& table = "") {
  Suspects suspects{foreign_guards(connection, table), {}};
  // ALTER TABLE changes the text of ours as well.
  if (const AlteredTables altered = altered_tables(connection); !altered.renamed.empty())
    return suspects;
  suspects.changed = changed_objects(connection);
  std::erase_if(suspects.changed, [&](const SchemaObject& object) {
    const bool is_plain_index = object.type == "index" && !is_unique_index(object);
    return object.type == "view" || is_plain_index || (!table.empty() && object.table != table);
  });
  return suspects;
}

/// `. Not ours is the trigger "ann" on jobs: it goes with DROP TRIGGER "ann"`; empty: there is
/// none. The command that mends ours stands last, to be copied.
std::string blame(const Suspects& suspects, const std::filesystem::path& file) {
  std::string text;
  if (const auto& foreign = suspects.foreign; !foreign.empty())
    text += ". Not ours " + places_of(foreign) + (foreign.size() == 1 ? ": it goes" : ": they go") +
            " with " + drops_of(foreign);
  if (const auto& changed = suspects.changed; !changed.empty())
    text += ". Not as kdocs-queued made it " + places_of(changed) +
            ": to get back what was there, stop kdocs-queued, then kdocs-queued init --database " +
            file.string();
  return text;
}

/// The sentence must come, whatever state the file is in.
Suspects suspects_of(SQLite::Database* connection) {
  try {
    return connection ? suspects_of(*connection) : Suspects{};
  } catch (const SQLite::Exception&) {
    return {};
  }
}

std::string blame(SQLite::Database* connection, const std::filesystem::path& file) {
  return blame(suspects_of(connection), file);
}

[[noreturn]] void rethrow_refusal(const SQLite::Exception& error, const std::filesystem::path& file,
                                  SQLite::Database* connection) {
  const bool is_constraint = primary_code(error) == SQLITE_CONSTRAINT;
  if (connection && !is_constraint) {
    if (const std::string altered = altered_sentence(*connection, file); !altered.empty())
      throw StoreUnavailable(altered, Cause::altered);
    if (const std::string missing = incomplete_sentence(*connection, file); !missing.empty())
      throw StoreIncomplete(missing);
  }
  const Suspects suspects = suspects_of(connection);
  if (is_constraint || !suspects.foreign.empty() || !suspects.changed.empty())
    throw StoreUnavailable(file.string() + " refuses what kdocs-queued writes: " + error.what() +
                               blame(suspects, file),
                           Cause::refused);
  if (connection && changed_objects(*connection).empty()) // somebody has put it right by now
    throw StoreUnavailable(file.string() + " was not as kdocs-queued made it: " + error.what(),
                           Cause::altered);
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
                               blame(connection, file),
                           Cause::too_long);
  case SQLITE_NOMEM:
    throw StoreUnavailable("a change of " + name + " needs more memory than there is for it" +
                               blame(connection, file),
                           Cause::too_long);
  case SQLITE_TOOBIG:
    throw StoreUnavailable("a value in " + name + " is longer than kdocs-queued takes (" +
                               std::to_string(longest_value_bytes) +
                               " bytes); if it is a job's: DELETE FROM jobs WHERE state = 'queued' "
                               "AND length(CAST(script AS BLOB)) > " +
                               std::to_string(longest_value_bytes) + blame(connection, file),
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
  const std::string file = sqlite3_db_filename(connection.getHandle(), "main");
  throw StoreUnavailable(file + " ignores what kdocs-queued writes into " + table + " of " + what +
                             blame(suspects_of(connection, table), file),
                         Cause::refused);
}

std::string altered_sentence(SQLite::Database& connection, const std::filesystem::path& file) {
  const AlteredTables altered = altered_tables(connection);
  std::string what;
  for (const std::string& renamed : altered.renamed)
    what += (what.empty() ? "" : ", ") + renamed;
  std::string undo;
  for (const std::string& statement : altered.undo)
    undo += (undo.empty() ? "" : "; ") + statement;
  return what.empty() ? ""
                      : file.string() + " is not as kdocs-queued made it: " + what +
                            ". To put it right: " + undo;
}

std::string incomplete_sentence(SQLite::Database& connection, const std::filesystem::path& file) {
  if (const AlteredTables altered = altered_tables(connection); !altered.lost.empty()) {
    std::string lost;
    for (const std::string& column : altered.lost)
      lost += (lost.empty() ? "" : ", ") + column;
    return file.string() + " lacks " + lost +
           ": somebody has dropped it, and what was in it is gone. Restore a backup, or move it "
           "away to start with an empty queue";
  }
  const std::vector<SchemaObject> missing = missing_objects(connection);
  if (missing.empty())
    return {};
  return file.string() + " lacks " + names_of(missing) +
         ": somebody has dropped it. To get it back, empty, and keep the rest: kdocs-queued init "
         "--database " +
         file.string();
}

void require_whole(SQLite::Database& connection, const std::filesystem::path& file) {
  for (const auto look : {altered_sentence, incomplete_sentence})
    if (const std::string sentence = look(connection, file); !sentence.empty())
      throw StoreIncomplete(sentence);
}

} // namespace kdq
