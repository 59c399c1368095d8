#include "poller/engine/schedule_steps.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// A daemon that is restarted or has much to do shall not miss anything.
constexpr std::chrono::milliseconds still_in_time = 1min;
constexpr std::size_t most_made_up = 100;

/// `column` is empty or a time.
std::variant<std::optional<WallTime>, std::string> read_bound(const std::string& column,
                                                              const char* name) {
  if (column.empty())
    return std::nullopt;
  if (const auto time = parse_time(column))
    return time;
  return std::string(name) + " is no UTC time such as '2026-01-31 09:00:00'";
}

/// The times from a first one on, reckoned as far as somebody looks.
class TimesAhead {
public:
  TimesAhead(const ScheduleTimes& times, WallTime first) : times_(times), ahead_{first} {}

  /// The nth time from here; nothing: there are not so many.
  std::optional<WallTime> at(std::size_t n) {
    while (ahead_.size() <= n && !ended_)
      reckon();
    return n < ahead_.size() ? std::optional(ahead_[n]) : std::nullopt;
  }
  /// Whether the nth time from here is before `limit`.
  bool is_before(std::size_t n, WallTime limit) {
    while (ahead_.size() <= n && !ended_ && ahead_.back() < limit)
      reckon();
    return n < ahead_.size() && ahead_[n] < limit;
  }
  void pass() {
    at(1);
    ahead_.pop_front();
  }
  std::size_t reckoned() const { return reckoned_; }

private:
  void reckon() {
    ++reckoned_;
    const auto next = times_.cron.next(ahead_.back());
    ended_ = !next || (times_.ends_at && *next > *times_.ends_at);
    if (!ended_)
      ahead_.push_back(*next);
  }

  const ScheduleTimes& times_;
  std::deque<WallTime> ahead_;
  bool ended_ = false;
  std::size_t reckoned_ = 0;
};

std::size_t most_kept(Missed missed) {
  switch (missed) {
  case Missed::once:
    return 1;
  case Missed::skip:
    return 0;
  case Missed::all:
    break;
  }
  return most_made_up;
}

} // namespace

std::variant<ScheduleTimes, std::string> read_times(const Schedule& schedule) {
  auto cron = read_cron(schedule.cron, schedule.timezone);
  if (auto* error = std::get_if<CronError>(&cron))
    return std::move(error->sentence);
  auto starts_at = read_bound(schedule.starts_at, "starts_at");
  auto ends_at = read_bound(schedule.ends_at, "ends_at");
  for (auto* bound : {&starts_at, &ends_at})
    if (auto* error = std::get_if<std::string>(bound))
      return std::move(*error);
  return ScheduleTimes{std::get<Cron>(cron), std::get<0>(starts_at), std::get<0>(ends_at)};
}

std::optional<WallTime> first_time(const ScheduleTimes& times, const Schedule& schedule,
                                   WallTime now) {
  WallTime after = std::max(now, schedule.last_at.value_or(now));
  if (times.starts_at)
    after = std::max(after, *times.starts_at - 1ms);
  const auto first = times.cron.next(after);
  return first && times.ends_at && *first > *times.ends_at ? std::nullopt : first;
}

std::vector<WallTime> times_from(const ScheduleTimes& times, std::optional<WallTime> next) {
  std::vector<WallTime> found;
  if (!next)
    return found;
  TimesAhead ahead(times, *next);
  for (auto time = next; time && found.size() < upcoming_times; time = ahead.at(found.size()))
    found.push_back(*time);
  return found;
}

ScheduleStep next_step(const ScheduleTimes& times, const Schedule& schedule,
                       std::optional<WallTime> restored_at, WallTime now, std::size_t most) {
  const WallTime in_time_from = now - still_in_time;
  // One in the future was written by a clock that was wrong.
  const WallTime after = restored_at && *restored_at <= now ? *restored_at : WallTime::min();
  const std::size_t kept = most_kept(schedule.missed);
  TimesAhead ahead(times, *schedule.next_at);
  const auto has_job = [&](WallTime time) {
    if (time <= after)
      return false;
    if (time >= in_time_from)
      return true;
    return kept > 0 && time >= now - schedule.catch_up && !ahead.is_before(kept, in_time_from);
  };
  ScheduleStep step;
  for (auto time = ahead.at(0); time && *time <= now && !step.run && ahead.reckoned() < most;
       time = ahead.at(0)) {
    if (has_job(*time))
      step.run = time;
    else
      ++step.skipped;
    ahead.pass();
  }
  step.next = ahead.at(0);
  step.reckoned = ahead.reckoned();
  return step;
}

std::chrono::seconds jitter_of(const std::string& name, WallTime time, std::chrono::seconds most) {
  if (most.count() <= 0)
    return {};
  // FNV-1a, then the mixing of SplitMix64: a restart, or another machine, finds the same.
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (const char letter : name)
    add(static_cast<unsigned char>(letter));
  for (auto ms = static_cast<std::uint64_t>(time.time_since_epoch().count()); ms != 0; ms >>= 8)
    add(static_cast<unsigned char>(ms & 0xff));
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  hash ^= hash >> 31;
  return std::chrono::seconds(hash % static_cast<std::uint64_t>(most.count()));
}

} // namespace kdq
