#include "poller/task_table.h"

namespace kdq {

Task& TaskTable::add(Task task) {
  remove(task.id);
  ++files_[task.file_token];
  const JobId id = task.id;
  return tasks_.insert_or_assign(id, Entry{std::move(task), std::nullopt}).first->second.task;
}

void TaskTable::remove(JobId id) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end())
    return;
  clear_due(id);
  const auto file = files_.find(found->second.task.file_token);
  if (--file->second == 0)
    files_.erase(file);
  tasks_.erase(found);
}

Task* TaskTable::find(JobId id) {
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? nullptr : &found->second.task;
}

std::size_t TaskTable::on_file(const std::string& file_token) const {
  const auto found = files_.find(file_token);
  return found == files_.end() ? 0 : found->second;
}

std::vector<JobId> TaskTable::ids() const {
  std::vector<JobId> all;
  all.reserve(tasks_.size());
  for (const auto& [id, entry] : tasks_)
    all.push_back(id);
  return all;
}

void TaskTable::set_due(JobId id, SteadyTime due) {
  clear_due(id);
  const auto found = tasks_.find(id);
  if (found == tasks_.end())
    return;
  found->second.due = due;
  plans_[found->second.task.app].emplace(due, id);
}

std::optional<std::pair<SteadyTime, JobId>> TaskTable::next_due(const std::string& app) const {
  const auto plan = plans_.find(app);
  if (plan == plans_.end() || plan->second.empty())
    return std::nullopt;
  return *plan->second.begin();
}

void TaskTable::clear_due(JobId id) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end() || !found->second.due)
    return;
  plans_[found->second.task.app].erase({*found->second.due, id});
  found->second.due.reset();
}

} // namespace kdq
