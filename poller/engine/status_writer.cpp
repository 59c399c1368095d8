#include "poller/engine/status_writer.h"

#include "poller/engine/app_state.h"
#include "poller/engine/notices.h"
#include "poller/engine/task_table.h"
#include "poller/events.h"
#include "poller/schedule/price_schedule.h"
#include "store/database.h"
#include "store/metric_counters.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// Figures that are written along with other things are at most so old.
constexpr std::chrono::seconds fresh{5};
// The views waiting and health believe after two and a half times of this that the daemon is gone.
constexpr std::chrono::seconds seen_at_least_every{60};
// A burst of requests takes all places for a moment.
constexpr std::chrono::milliseconds worth_a_word = 5s;
// The two clocks are read one after the other, and the wall clock is slewed: the end of a wait that
// did not change may come out a little different.
constexpr std::chrono::milliseconds same_moment = 2s;

bool same_end(const std::optional<WallTime>& a, const std::optional<WallTime>& b) {
  return a.has_value() == b.has_value() && (!a || (*a > *b ? *a - *b : *b - *a) < same_moment);
}

bool same_wait(const std::optional<Wait>& a, const std::optional<Wait>& b) {
  return a.has_value() == b.has_value() &&
         (!a || (same_but_for_numbers(a->reason, b->reason) && same_end(a->until, b->until)));
}

bool same_pause(const AppPause& a, const AppPause& b) {
  return a.endpoint == b.endpoint && a.needs_person == b.needs_person && a.quota == b.quota &&
         same_end(a.until, b.until);
}

/// But for the figures.
bool says_the_same(const AppRow& a, const AppRow& b) {
  return a.state == b.state && same_but_for_numbers(a.reason, b.reason) && a.day == b.day &&
         a.submit_quota == b.submit_quota && a.status_quota == b.status_quota &&
         same_wait(a.starts, b.starts) && same_wait(a.polls, b.polls) &&
         same_wait(a.unscheduled, b.unscheduled) && a.token_expires_at == b.token_expires_at &&
         a.consent_ends_at == b.consent_ends_at &&
         same_but_for_numbers(a.token_trouble, b.token_trouble) && a.login == b.login &&
         std::equal(a.pauses.begin(), a.pauses.end(), b.pauses.begin(), b.pauses.end(), same_pause);
}

std::string sentence(NoPlace::Why why) {
  if (why == NoPlace::Why::kept)
    return "its scripts run in all places (max_running) but those that are kept for the other apps";
  return std::string("KDocs leaves many ") +
         (why == NoPlace::Why::polls ? "status requests" : "starts") +
         " of this app without an answer: no more is started until they have one";
}

std::optional<Wait> wait_of_starts(const AppState& app, Moment now) {
  if (auto wait = app.breaker.wait(Endpoint::submit, now))
    return wait;
  if (app.no_place && now.steady - app.no_place->since >= worth_a_word)
    return Wait{sentence(app.no_place->why), std::nullopt};
  return app.no_polls_left;
}

/// That requests failed is no news any more once there is nothing to ask.
std::optional<Wait> wait_of_polls(const AppState& app, std::size_t running, Moment now) {
  auto wait = app.breaker.wait(Endpoint::status, now);
  if (wait && !wait->until && running == 0 && !app.breaker.needs_person())
    wait.reset();
  return wait;
}

std::string sentence(const std::optional<Wait>& starts, const std::optional<Wait>& polls) {
  if (starts && polls && starts->reason == polls->reason)
    return starts->reason;
  std::string text;
  if (starts)
    text = "no starts: " + starts->reason;
  if (polls)
    text += (text.empty() ? "" : "; ") + ("no status requests: " + polls->reason);
  return text;
}

std::string of_app(const std::string& name, const std::string& trouble) {
  return "app " + name + ": " + trouble;
}

} // namespace

std::string without_digits(std::string text) {
  std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

bool same_but_for_numbers(const std::string& a, const std::string& b) {
  return without_digits(a) == without_digits(b);
}

std::string StatusWriter::trouble(const AppState& app, Moment now) const {
  const std::string reason = sentence(wait_of_starts(app, now),
                                      wait_of_polls(app, tasks_.of_app(app.breaker.name()), now));
  return reason.empty() ? app.token.trouble : reason;
}

void StatusWriter::tell_changes(Moment now) {
  for (const auto& [name, app] : apps_) {
    const std::string trouble = this->trouble(app, now);
    std::string& told = told_[name];
    if (same_but_for_numbers(trouble, told))
      continue; // of how many tasks, until when: the tables say it as it changes
    if (trouble.empty())
      events_.relief("app " + name + " works again");
    else if (app.breaker.needs_person() || app.token.needs_person)
      events_.trouble(of_app(name, trouble));
    else
      events_.waiting(of_app(name, trouble));
    told = trouble;
  }
}

AppRow StatusWriter::row(const AppState& app, Moment now) const {
  const CircuitBreaker& breaker = app.breaker;
  const QuotaDay& day = breaker.day(now.wall);
  AppRow row;
  row.name = breaker.name();
  row.starts = wait_of_starts(app, now);
  row.unscheduled = app.unscheduled;
  row.polls = wait_of_polls(app, tasks_.of_app(breaker.name()), now);
  row.reason = sentence(row.starts, row.polls);
  row.state = breaker.needs_person() ? "blocked" : row.starts || row.polls ? "waiting" : "ready";
  row.submit_quota = breaker.allowed(Endpoint::submit);
  row.status_quota = breaker.allowed(Endpoint::status);
  row.day = day.name;
  row.day_begins = day.begins;
  row.day_ends = day.ends;
  row.pauses = breaker.pauses(now);
  row.running = static_cast<std::int64_t>(tasks_.of_app(breaker.name()));
  row.token_expires_at = app.token.expires_at;
  row.consent_ends_at = app.token.consent_ends_at;
  row.token_trouble = app.token.trouble;
  row.login = breaker.settings().login;
  return row;
}

void StatusWriter::forget() {
  shown_.clear();
  shown_log_.reset();
  settings_shown_ = false;
}

void StatusWriter::begin(Moment now) {
  forget();
  tables_.started(now.wall);
  write(now);
}

void StatusWriter::config_trouble(const std::string& sentence) {
  config_trouble_ = sentence;
  settings_shown_ = false;
}

void StatusWriter::write_settings() {
  std::set<std::string> names;
  for (const auto& [name, app] : apps_)
    names.insert(name);
  tables_.keep_only(names);
  metrics_.begin_series(names);
  tables_.settings({settings_.version, static_cast<std::int64_t>(settings_.max_running),
                    static_cast<std::int64_t>(settings_.max_running_per_file),
                    settings_.max_script_bytes, config_trouble_});
}

/// The size of the write-ahead log in MB, rounded down to a power of two, if it is too long.
std::optional<std::int64_t> StatusWriter::long_log() const {
  if (database_.log_is_kept()) // nobody else is to blame
    return shown_log_;
  const auto megabytes = database_.log_bytes() >> 20;
  if (megabytes < static_cast<std::uintmax_t>(settings_.long_log_mb))
    return std::nullopt;
  return static_cast<std::int64_t>(std::bit_floor(megabytes));
}

bool StatusWriter::is_unseen(SteadyTime now) const {
  return now - shown_at_ >= seen_at_least_every;
}

bool StatusWriter::is_stale(Moment now) const {
  if (!settings_shown_ || long_log() != shown_log_)
    return true;
  for (const auto& [name, app] : apps_) {
    const auto shown = shown_.find(name);
    if (shown == shown_.end() || !says_the_same(row(app, now), shown->second))
      return true;
  }
  return false;
}

void StatusWriter::write(Moment now) {
  next_.clear(); // the transaction may be run again
  settings_written_ = !settings_shown_;
  if (settings_written_)
    write_settings();
  tables_.seen(now.wall);
  next_log_ = long_log();
  if (next_log_ != shown_log_)
    tables_.log_grew(next_log_);
  for (auto& [name, app] : apps_) {
    AppRow next = row(app, now);
    next.reserved_polls = std::llround(app.schedule->expected_polls_of_open());
    if (const auto shown = shown_.find(name); shown != shown_.end() && shown->second == next)
      continue;
    if (next.state == "blocked")
      notices_.app_blocked(name, next.reason, now.wall);
    tables_.show(next, now.wall);
    next_.emplace(name, std::move(next));
  }
  next_at_ = now.steady;
}

void StatusWriter::ride_along(Moment now) {
  next_.clear(); // of a write() that was not committed
  settings_written_ = false;
  next_log_ = shown_log_;
  next_at_ = shown_at_;
  if (now.steady - shown_at_ >= fresh)
    write(now);
}

void StatusWriter::committed() {
  settings_shown_ = settings_shown_ || settings_written_;
  settings_written_ = false;
  for (auto& [name, row] : next_)
    shown_.insert_or_assign(name, std::move(row));
  next_.clear();
  shown_log_ = next_log_;
  shown_at_ = next_at_;
}

} // namespace kdq
