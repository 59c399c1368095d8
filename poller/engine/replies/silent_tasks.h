// Gives up tasks that were not heard of for longer than the service knows a task: their app is gone
// from the configuration, or blocked.
#pragma once

#include "store/base/time.h"

namespace kdq {

class ReplyStore;
class TaskTable;

class SilentTasks {
public:
  SilentTasks(const TaskTable& tasks, ReplyStore& replies) : tasks_(tasks), replies_(replies) {}

  /// This run begins: nobody could be asked before.
  void begin(SteadyTime now);
  /// Now and then; whether there is something given up that the ReplyStore is to save. A task whose
  /// reply waits there is none.
  bool look(Moment now);
  SteadyTime next_look() const { return next_look_; }

private:
  const TaskTable& tasks_;
  ReplyStore& replies_;
  SteadyTime began_{};
  SteadyTime next_look_{};
};

} // namespace kdq
