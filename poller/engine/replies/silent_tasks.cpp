#include "poller/engine/replies/silent_tasks.h"

#include "poller/engine/replies/decide.h"
#include "poller/engine/replies/reply_store.h"
#include "poller/engine/task_table.h"

#include <algorithm>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// poller/api/README.md, section 6: a task stays queryable for 24 h.
constexpr std::chrono::milliseconds longest_silence = 24h;
constexpr std::chrono::milliseconds between_looks = 10min;
constexpr const char* gave_up =
    "KDocs could not be asked about it for 24 h, and does not know a task for longer";

} // namespace

void SilentTasks::begin(SteadyTime now) {
  began_ = now;
  next_look_ = now + between_looks;
}

bool SilentTasks::look(Moment now) {
  if (now.steady < next_look_)
    return false;
  bool any = false;
  next_look_ = now.steady + between_looks;
  for (const JobId id : tasks_.ids()) {
    const Task& task = *tasks_.find(id);
    const SteadyTime asked = std::max({task.submitted, task.heard, began_});
    if (task.row.state == JobState::running && now.steady >= task.deadline() &&
        now.steady - asked >= longest_silence && !replies_.holds(id)) {
      replies_.add(decide_silent(task, gave_up, now));
      any = true;
    }
  }
  return any;
}

} // namespace kdq
