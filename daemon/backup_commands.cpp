#include "daemon/backup_commands.h"

#include "daemon/instance_lock.h"
#include "daemon/progress.h"
#include "daemon/system_clock.h"
#include "store/backup_folder.h"
#include "store/database_copy.h"
#include "store/restore_file.h"

#include <unistd.h>

#include <iostream>
#include <string>

namespace kdq {
namespace {

/// Without a rest: whoever types a command waits for it.
void copy(const std::filesystem::path& source, const std::filesystem::path& target,
          std::optional<WallTime> made_at, const SystemClock& clock) {
  Progress progress(std::cerr, ::isatty(STDERR_FILENO) == 1, clock);
  copy_database(source, target, made_at, [&](const CopyProgress& at) {
    progress.show(at.stage == CopyProgress::Stage::copying ? "copying" : "checking the copy",
                  at.done, at.total);
    return true;
  });
}

} // namespace

void back_up(const Config& config, const std::filesystem::path& to, std::ostream& out) {
  const SystemClock clock;
  const std::filesystem::path target = std::filesystem::absolute(to);
  copy(config.database, target, clock.wall(), clock);
  out << "The backup of " << config.database.string() << " is " << target.string()
      << ". It has the scripts and their results; members of its group may read it.\n";
}

void restore(const Config& config, const std::filesystem::path& from, std::ostream& out) {
  const SystemClock clock;
  const InstanceLock lock(config.database);
  copy(std::filesystem::absolute(from), room_for_restore(config.database), std::nullopt, clock);
  const RestoredFiles files = put_in_place(config.database, clock.wall());
  out << "The queue " << config.database.string() << " is the backup " << from.string()
      << " now.\n";
  if (!files.aside.empty())
    out << "What was there is kept, until you remove it, as " << files.aside.string() << "*\n";
  out << "At the next start of the daemon all jobs that had not ended in the backup are held "
         "(unconfirmed), because they\nmay have run since. SELECT * FROM health says how many, and "
         "how to release them.\n";
}

} // namespace kdq
