#include "poller/engine/user_changes.h"

#include "poller/engine/scheduled_tasks.h"
#include "poller/events.h"
#include "store/database.h"
#include "store/job_queue.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

namespace kdq {

bool UserChanges::notice() {
  const bool changed = database_.foreign_change();
  unread_ = unread_ || changed;
  return changed;
}

void UserChanges::read(Moment now) {
  if (!unread_)
    return;
  std::vector<Watch> watches;
  bool are_counted = false;
  std::map<JobId, std::optional<JobState>> gone;
  database_.read([&] {
    pauses_ = status_tables_.pauses();
    watches = status_tables_.watches(now.wall);
    // Users can only take jobs out of these states. The ids are compared, as the counts do not
    // know of a row that INSERT OR REPLACE has removed.
    gone.clear();
    const std::vector<JobId> unfinished = queue_.unfinished_ids();
    are_counted = queue_.busy() == unfinished.size();
    for (const JobId id : tasks_.table().ids())
      if (!std::binary_search(unfinished.begin(), unfinished.end(), id))
        gone.emplace(id, queue_.state(id));
  });
  if (!are_counted)
    database_.write([&] { queue_.recount(); });
  unread_ = false;
  tasks_.set_watches(watches, now);
  for (const auto& [id, state] : gone) {
    tasks_.remove(id);
    events_.settled(id, state.value_or(JobState::cancelled),
                    state ? "by the user" : "its row was deleted");
  }
}

} // namespace kdq
