#include "daemon/job_follower.h"

#include "store/database.h"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <string>
#include <utility>

namespace kdq {
namespace {

using namespace std::chrono_literals;

/// What a job waits for changes with the time alone, too.
constexpr std::chrono::milliseconds between_looks = 5s;
constexpr std::chrono::milliseconds after_trouble = 1s;
/// Others' jobs change the file, too, hundreds of times a second: many who follow would keep the
/// processors busy with looks.
constexpr std::chrono::milliseconds rest_after_change = 50ms;
/// A watch lasts ten minutes.
constexpr std::chrono::milliseconds between_watches = 5min;

constexpr int exit_after_signal = 128;

/// Who starts a program with nohup, or with & in a script, does not want these to end it.
std::vector<int> ignored_signals() {
  std::vector<int> ignored;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now {};
    if (::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN)
      ignored.push_back(number);
  }
  return ignored;
}

int number_of(std::string_view name) {
  return name == "SIGINT" ? SIGINT : name == "SIGHUP" ? SIGHUP : SIGTERM;
}

} // namespace

JobFollower::JobFollower(const std::filesystem::path& database, JobClient& client,
                         std::optional<int> pipe)
    : ignored_(ignored_signals()), database_(database), watch_(database), client_(client),
      pipe_(pipe) {
  for (const int fd : watch_.descriptors())
    waits_.watch(fd);
  waits_.watch(signals_.fd());
  if (pipe_)
    waits_.watch(*pipe_);
}

int JobFollower::follow(JobId job, LogPlace from, bool cancel_on_interrupt, FollowReport& report) {
  job_ = job;
  place_ = from;
  cancel_on_interrupt_ = cancel_on_interrupt;
  try {
    return work(report);
  } catch (const OutputGone& gone) {
    if (!gone.is_broken_pipe)
      report.note(gone.what());
    return gone.is_broken_pipe ? exit_after_signal + SIGPIPE : exit_job_unknown;
  }
}

int JobFollower::work(FollowReport& report) {
  try {
    for (;;) {
      if (const auto code = step(report))
        return *code;
      rest();
      if (const auto code = wait(report.tick(clock_.now())))
        return *code;
    }
  } catch (const OutputGone&) {
    throw;
  } catch (const std::exception& error) {
    return report.leave("job " + std::to_string(job_.value) +
                            " cannot be followed any more: " + error.what(),
                        exit_job_unknown);
  }
}

std::optional<int> JobFollower::step(FollowReport& report) {
  if (client_.was_replaced())
    throw StoreBroken("the database " + database_.string() + " was replaced, moved or removed");
  const SteadyTime now = clock_.steady();
  saw_change_ = false;
  try {
    saw_change_ = client_.changed();
    if (saw_change_ || now >= next_look_) {
      if (const auto code = look(report))
        return code;
      next_look_ = clock_.steady() + between_looks;
    }
    told_trouble_ = false;
  } catch (const StoreUnavailable& trouble) {
    if (!std::exchange(told_trouble_, true))
      report.note(std::string(trouble.what()) + "; waiting for it");
    next_look_ = clock_.steady() + after_trouble;
  }
  watch_.looked(saw_change_, now);
  return signalled(report);
}

std::optional<int> JobFollower::look(FollowReport& report) {
  for (;;) {
    const JobLook seen = client_.look(job_, place_);
    if (!seen.lines.empty())
      place_ = {seen.lines.back().attempt, seen.lines.back().seq};
    if (const auto code = report.tell(seen, clock_.now()))
      return code;
    if (!seen.has_more) {
      renew_watch(*seen.job, report);
      return std::nullopt;
    }
    if (const auto code = signalled(report))
      return code;
  }
}

/// It only makes the log come sooner: without one it is followed all the same.
void JobFollower::renew_watch(const FollowedJob& job, FollowReport& report) {
  const SteadyTime now = clock_.steady();
  if (job.state == JobState::queued || now < next_watch_)
    return;
  next_watch_ = now + between_watches;
  std::string trouble;
  try {
    client_.watch(job_);
    return;
  } catch (const StoreUnavailable& error) {
    trouble = error.what();
  } catch (const JobRefused& error) {
    trouble = error.what();
  }
  if (!std::exchange(told_no_watch_, true))
    report.note("the log may come later, because the job cannot be watched: " + trouble);
}

std::optional<int> JobFollower::signalled(FollowReport& report) {
  for (auto name = signals_.take(); !name.empty(); name = signals_.take()) {
    const int number = number_of(name);
    if (std::find(ignored_.begin(), ignored_.end(), number) == ignored_.end())
      return interrupted(name, number, report);
  }
  return std::nullopt;
}

int JobFollower::interrupted(std::string_view name, int number, FollowReport& report) {
  const std::string job = "job " + std::to_string(job_.value);
  std::string sentence = std::string(name) + ": " + job;
  const std::string goes_on = " goes on; to follow it: kdocs-queued follow --database " +
                              database_.string() + " " + std::to_string(job_.value);
  if (!cancel_on_interrupt_) {
    sentence += goes_on;
  } else {
    try {
      sentence += client_.cancel(job_)
                      ? " is cancelled; a script that runs goes on at KDocs, unfollowed"
                      : " had ended";
    } catch (const std::exception& error) {
      sentence += " cannot be cancelled (" + std::string(error.what()) + "), it" + goes_on;
    }
  }
  return report.leave(sentence, exit_after_signal + number);
}

/// A signal ends it.
void JobFollower::rest() const {
  pollfd signal{signals_.fd(), POLLIN, 0};
  if (saw_change_)
    ::poll(&signal, 1, static_cast<int>(rest_after_change.count()));
}

/// Until there may be something new; an exit code if nobody reads stdout any more.
std::optional<int> JobFollower::wait(SteadyTime next_tick) {
  const SteadyTime until = std::min({next_look_, watch_.next_sweep(), next_tick});
  for (const WaitSet::Ready& ready : waits_.wait(std::max(until - clock_.steady(), 0ms)))
    if (ready.fd == pipe_ && (ready.events & EPOLLERR) != 0)
      return exit_after_signal + SIGPIPE;
  watch_.woke();
  return std::nullopt;
}

} // namespace kdq
