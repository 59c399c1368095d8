#include "poller/engine/user_changes.h"

#include "poller/engine/scheduled_tasks.h"
#include "poller/events.h"
#include "store/database.h"
#include "store/job_queue.h"

#include <algorithm>
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
  std::vector<JobId> unfinished;
  bool same = false;
  database_.read([&] {
    pauses_ = status_tables_.pauses();
    watches = status_tables_.watches(now.wall);
    // Users can only take jobs out of these states: the counts would differ.
    same = queue_.busy() == tasks_.table().size();
    if (!same)
      unfinished = queue_.unfinished_ids();
  });
  unread_ = false;
  tasks_.set_watches(watches, now);
  if (same)
    return;
  for (const JobId id : tasks_.table().ids())
    if (!std::binary_search(unfinished.begin(), unfinished.end(), id)) {
      tasks_.remove(id);
      events_.settled(id, JobState::cancelled, "by the user");
    }
}

} // namespace kdq
