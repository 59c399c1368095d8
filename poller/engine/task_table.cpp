#include "poller/engine/task_table.h"

namespace kdq {
namespace {

std::size_t count_in(const std::unordered_map<std::string, std::size_t>& counts,
                     const std::string& key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

void take_one(std::unordered_map<std::string, std::size_t>& counts, const std::string& key) {
  const auto found = counts.find(key);
  if (--found->second == 0)
    counts.erase(found);
}

} // namespace

std::string TaskTable::class_key(const std::string& app, const std::string& job_class) {
  return app + '\0' + job_class;
}

Task& TaskTable::add(Task task) {
  remove(task.id);
  ++files_[task.script.file_token];
  ++apps_[task.app];
  if (!task.job_class.empty())
    ++classes_[class_key(task.app, task.job_class)];
  const JobId id = task.id;
  return tasks_.insert_or_assign(id, std::move(task)).first->second;
}

void TaskTable::remove(JobId id) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end())
    return;
  take_one(files_, found->second.script.file_token);
  take_one(apps_, found->second.app);
  if (!found->second.job_class.empty())
    take_one(classes_, class_key(found->second.app, found->second.job_class));
  tasks_.erase(found);
}

void TaskTable::clear() {
  tasks_.clear();
  files_.clear();
  apps_.clear();
  classes_.clear();
}

Task* TaskTable::find(JobId id) {
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? nullptr : &found->second;
}

const Task* TaskTable::find(JobId id) const {
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? nullptr : &found->second;
}

std::size_t TaskTable::on_file(const std::string& file_token) const {
  return count_in(files_, file_token);
}

std::size_t TaskTable::of_app(const std::string& app) const {
  return count_in(apps_, app);
}

std::size_t TaskTable::of_class(const std::string& app, const std::string& job_class) const {
  return count_in(classes_, class_key(app, job_class));
}

std::vector<JobId> TaskTable::ids() const {
  std::vector<JobId> all;
  all.reserve(tasks_.size());
  for (const auto& [id, task] : tasks_)
    all.push_back(id);
  return all;
}

} // namespace kdq
