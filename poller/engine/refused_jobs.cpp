#include "poller/engine/refused_jobs.h"

#include "poller/clock.h"
#include "poller/events.h"
#include "poller/quota/quota_policy.h"
#include "store/database.h"

#include <algorithm>

namespace kdq {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_refused_jobs = 50;
constexpr std::chrono::milliseconds first_rest_of_job = 1s;
constexpr std::chrono::milliseconds longest_rest_of_job = 1min;
// A job that could be tried again, and was not for so long, is not wanted any more.
constexpr std::chrono::milliseconds forgotten_after = 1min;
// So many are told one by one; the view health has all.
constexpr std::size_t most_told_jobs = 5;

std::string sentence_of(const RefusedJob& row) {
  return row.what + " job " + std::to_string(row.job.value) +
         " cannot be written yet, all other jobs go on: " + row.error;
}

} // namespace

bool RefusedJobs::takes(const StoreUnavailable& error) const {
  return error.cause == StoreUnavailable::Cause::refused && jobs_.size() < most_refused_jobs;
}

void RefusedJobs::add(JobId job, const std::string& what, const StoreUnavailable& error) {
  const Moment now = clock_.now();
  const auto [found, is_new] = jobs_.try_emplace(job);
  Rest& rest = found->second;
  if (is_new)
    rest.shown.since = now.wall;
  changed_ = changed_ || is_new || rest.shown.what != what || rest.shown.error != error.what();
  rest.shown.job = job;
  rest.shown.what = what;
  rest.shown.error = error.what();
  rest.until = now.steady + backoff(first_rest_of_job, rest.failures++, longest_rest_of_job);
  if (is_new && jobs_.size() <= most_told_jobs)
    events_.trouble(sentence_of(rest.shown));
}

void RefusedJobs::passed(JobId job) {
  if (const auto found = jobs_.find(job); found != jobs_.end())
    forget(found);
}

void RefusedJobs::forget(std::map<JobId, Rest>::iterator rest) {
  jobs_.erase(rest);
  changed_ = true;
  if (jobs_.empty())
    events_.relief("no job waits any more because the database refuses what is to be written");
}

SteadyTime RefusedJobs::rests_until(JobId job) const {
  const auto found = jobs_.find(job);
  return found == jobs_.end() ? SteadyTime::min() : found->second.until;
}

std::set<JobId> RefusedJobs::resting(SteadyTime now) const {
  std::set<JobId> found;
  for (const auto& [job, rest] : jobs_)
    if (rest.until > now)
      found.insert(job);
  return found;
}

SteadyTime RefusedJobs::next_try(SteadyTime now) const {
  SteadyTime next = SteadyTime::max();
  for (const auto& [job, rest] : jobs_)
    if (rest.until > now)
      next = std::min(next, rest.until);
  return next;
}

void RefusedJobs::notice_schema() {
  for (auto& [job, rest] : jobs_)
    rest.until = std::min(rest.until, clock_.steady());
}

void RefusedJobs::clear() {
  jobs_.clear();
  changed_ = true;
}

bool RefusedJobs::work() {
  const Moment now = clock_.now();
  for (auto it = jobs_.begin(); it != jobs_.end();) {
    const auto rest = it++;
    if (rest->second.until + forgotten_after <= now.steady)
      forget(rest);
  }
  if (!changed_)
    return false;
  std::vector<RefusedJob> rows;
  for (const auto& [job, rest] : jobs_)
    rows.push_back(rest.shown);
  try {
    database_.write([&] { tables_.refused(rows); });
  } catch (const StoreUnavailable& error) {
    if (error.is_general())
      throw;
    // Then Events and the status have told it; the next change tries again.
  }
  changed_ = false;
  return true;
}

std::string RefusedJobs::sentence() const {
  const Rest* newest = nullptr; // the others were told before
  for (const auto& [job, rest] : jobs_)
    if (!newest || rest.shown.since >= newest->shown.since)
      newest = &rest;
  return newest ? sentence_of(newest->shown) : "";
}

} // namespace kdq
