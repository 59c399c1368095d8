#include "poller/engine/status_writer.h"

#include <bit>
#include <cmath>
#include <set>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// Figures that are written along with other things are at most so old.
constexpr std::chrono::seconds fresh{5};
// The two clocks are read one after the other, and the wall clock is slewed: the end of a wait that
// did not change may come out a little different.
constexpr std::chrono::milliseconds same_moment = 2s;

bool same_end(const std::optional<WallTime>& a, const std::optional<WallTime>& b) {
  return a.has_value() == b.has_value() && (!a || (*a > *b ? *a - *b : *b - *a) < same_moment);
}

bool same_hold(const std::optional<Hold>& a, const std::optional<Hold>& b) {
  return a.has_value() == b.has_value() &&
         (!a || (same_but_for_numbers(a->reason, b->reason) && same_end(a->until, b->until)));
}

/// But for the figures.
bool says_the_same(const AppRow& a, const AppRow& b) {
  return a.state == b.state && same_but_for_numbers(a.reason, b.reason) && a.day == b.day &&
         a.submit_quota == b.submit_quota && a.status_quota == b.status_quota &&
         same_hold(a.starts, b.starts) && same_hold(a.polls, b.polls);
}

std::optional<Hold> hold_of_starts(const AppState& app, Moment now) {
  if (auto hold = app.breaker.hold(Endpoint::submit, now))
    return hold;
  return app.no_polls_left;
}

/// That requests failed is no news any more once there is nothing to ask.
std::optional<Hold> hold_of_polls(const AppState& app, std::size_t running, Moment now) {
  auto hold = app.breaker.hold(Endpoint::status, now);
  if (hold && !hold->until && running == 0 && !app.breaker.blocked())
    hold.reset();
  return hold;
}

std::string sentence(const std::optional<Hold>& starts, const std::optional<Hold>& polls) {
  if (starts && polls && starts->reason == polls->reason)
    return starts->reason;
  std::string text;
  if (starts)
    text = "no starts: " + starts->reason;
  if (polls)
    text += (text.empty() ? "" : "; ") + ("no status requests: " + polls->reason);
  return text;
}

} // namespace

bool same_but_for_numbers(const std::string& a, const std::string& b) {
  const auto without_digits = [](std::string text) {
    std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
    return text;
  };
  return without_digits(a) == without_digits(b);
}

std::string StatusWriter::trouble(const AppState& app, Moment now) const {
  return row(app, now).reason;
}

AppRow StatusWriter::row(const AppState& app, Moment now) const {
  const CircuitBreaker& breaker = app.breaker;
  const QuotaDay& day = breaker.day(now.wall);
  AppRow row;
  row.name = breaker.name();
  row.starts = hold_of_starts(app, now);
  row.polls = hold_of_polls(app, state_.tasks.of_app(breaker.name()), now);
  row.reason = sentence(row.starts, row.polls);
  row.state = breaker.blocked() ? "blocked" : row.starts || row.polls ? "waiting" : "ready";
  row.submit_quota = breaker.allowed(Endpoint::submit);
  row.status_quota = breaker.allowed(Endpoint::status);
  row.day = day.name;
  row.day_begins = day.begins;
  row.day_ends = day.ends;
  row.running = static_cast<std::int64_t>(state_.tasks.of_app(breaker.name()));
  return row;
}

void StatusWriter::begin(Moment now) {
  shown_.clear();
  shown_log_.reset();
  std::set<std::string> names;
  for (const auto& [name, app] : state_.apps)
    names.insert(name);
  state_.status_tables.keep_only(names);
  const EngineSettings& settings = state_.settings;
  state_.status_tables.started(settings.version, settings.max_running,
                               settings.max_running_per_file, now.wall);
  write(now);
}

/// The size of the write-ahead log in MB, rounded down to a power of two, if it is too long.
std::optional<std::int64_t> StatusWriter::long_log() const {
  const auto megabytes = state_.database.log_bytes() >> 20;
  if (megabytes < static_cast<std::uintmax_t>(state_.settings.long_log_mb))
    return std::nullopt;
  return static_cast<std::int64_t>(std::bit_floor(megabytes));
}

bool StatusWriter::is_stale(Moment now) const {
  if (long_log() != shown_log_)
    return true;
  for (const auto& [name, app] : state_.apps) {
    const auto shown = shown_.find(name);
    if (shown == shown_.end() || !says_the_same(row(app, now), shown->second))
      return true;
  }
  return false;
}

void StatusWriter::write(Moment now) {
  next_.clear(); // the transaction may be run again
  next_log_ = long_log();
  if (next_log_ != shown_log_)
    state_.status_tables.log_grew(next_log_);
  for (auto& [name, app] : state_.apps) {
    AppRow next = row(app, now);
    next.reserved_polls = std::llround(app.schedule.expected_polls_of_open());
    if (const auto shown = shown_.find(name); shown != shown_.end() && shown->second == next)
      continue;
    state_.status_tables.show(next, now.wall);
    next_.emplace(name, std::move(next));
  }
  next_at_ = now.steady;
}

void StatusWriter::ride_along(Moment now) {
  next_.clear(); // of a write() that was not committed
  next_log_ = shown_log_;
  next_at_ = shown_at_;
  if (now.steady - shown_at_ >= fresh)
    write(now);
}

void StatusWriter::committed() {
  for (auto& [name, row] : next_)
    shown_.insert_or_assign(name, std::move(row));
  next_.clear();
  shown_log_ = next_log_;
  shown_at_ = next_at_;
}

} // namespace kdq
