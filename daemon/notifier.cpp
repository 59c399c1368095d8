#include "daemon/notifier.h"

#include "daemon/curl_transport.h"
#include "daemon/logging.h"
#include "daemon/notify_config.h"
#include "poller/api/json_text.h"
#include "poller/api/kdocs_api.h"
#include "poller/quota/quota_policy.h"
#include "store/base/utf8.h"
#include "store/database.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <set>
#include <stdexcept>
#include <utility>

namespace kdq {

using namespace std::chrono_literals;

namespace {

constexpr std::chrono::milliseconds first_retry = 10s;
constexpr std::chrono::milliseconds longest_retry = 1h;
constexpr std::chrono::hours longest_trouble{24};
// Between SIGTERM and SIGKILL.
constexpr std::chrono::milliseconds patience = 5s;
// What it writes is fetched so often, 64 KiB at a time: waiting for the pipe, the loop would never
// rest beside a program that floods it.
constexpr std::chrono::milliseconds between_reads = 100ms;
constexpr std::chrono::milliseconds between_prunes = 50ms;
constexpr std::chrono::milliseconds first_store_retry = 1s;
constexpr std::chrono::milliseconds longest_store_retry = 1min;
constexpr std::size_t longest_error = 4096;
constexpr std::size_t longest_logged = 500; ///< of it

constexpr const char* no_rule =
    "no rule of the setting notify has this command (any more): it is not run";

std::string commands_of(const std::vector<NotifyRule>& rules) {
  auto commands = nlohmann::json::array();
  for (const NotifyRule& rule : rules)
    commands.push_back(rule.command);
  return commands.dump();
}

std::string name_of(const WaitingNotice& notice) {
  return "notification " + std::to_string(notice.id) + " (" + notice.event + ")";
}

} // namespace

Notifier::Notifier(Database& database, CurlTransport& transport, const Clock& clock, Log& log)
    : database_(database), transport_(transport), clock_(clock), log_(log), table_(database) {}

Notifier::~Notifier() {
  if (program_)
    transport_.unwatch(program_->fd());
}

SteadyTime Notifier::work(const std::vector<NotifyRule>& rules, std::uint64_t left, bool foreign) {
  const Moment now = clock_.now();
  const bool changed = foreign && !rules.empty();
  look_ = look_ || changed || left != std::exchange(left_, left);
  check_ = check_ || changed;
  follow(now.steady);
  if (now.steady < next_try_)
    return next_wake(now.steady);
  try {
    note_end(now.wall);
    if (!stopping_) {
      give_up_others(rules, now.wall);
      prune(now);
      begin_next(rules, now);
    }
    store_failures_ = 0;
  } catch (const StoreUnavailable& error) {
    if (store_failures_ == 0)
      log_.write(LogLevel::warn, "notifications wait: " + std::string(error.what()));
    next_try_ = now.steady + backoff(first_store_retry, store_failures_++, longest_store_retry);
  }
  return next_wake(now.steady);
}

SteadyTime Notifier::next_wake(SteadyTime now) const {
  if (program_)
    return std::min(now + between_reads, signal_at_);
  if (stopping_ && !ended_)
    return SteadyTime::max();
  const SteadyTime earliest = std::max(now, next_try_);
  if (ended_ || look_ || check_)
    return earliest;
  return std::max(earliest, std::min(next_due_, next_prune_));
}

// --- the one that runs --------------------------------------------------------------------------

void Notifier::follow(SteadyTime now) {
  if (!program_)
    return;
  if (program_->look()) {
    std::string error = program_->end();
    if (terminated_)
      error = "it took longer than " + std::to_string(limit_.count()) + " s (timeout_s)";
    if (const std::string said = program_->output(); !error.empty() && !said.empty())
      error += ": " + said;
    transport_.unwatch(program_->fd());
    program_.reset();
    end(error);
    return;
  }
  if (now < signal_at_)
    return;
  program_->signal(std::exchange(terminated_, true) ? SIGKILL : SIGTERM);
  signal_at_ = now + patience;
}

/// Empty: it worked.
void Notifier::end(const std::string& error) {
  ended_ = Ended{notice_.id, std::nullopt};
  if (error.empty()) {
    log_.write(LogLevel::info, name_of(notice_) + " is delivered");
    return;
  }
  NoticeFailure failure;
  failure.error = shortened(kdocs_api::redacted(kdocs_api::without_logins(error)), longest_error);
  failure.began = began_;
  const WallTime now = clock_.wall();
  std::string what = "; it is given up";
  if (now - notice_.first_try_at.value_or(began_) < longest_trouble) {
    failure.retry_at = now + backoff(first_retry, notice_.attempts, longest_retry);
    what = "; it is tried again at " + utc_second(*failure.retry_at);
  }
  log_.write(LogLevel::warn, name_of(notice_) + " cannot be delivered: " +
                                 shortened(failure.error, longest_logged) + what);
  ended_->failure = std::move(failure);
}

void Notifier::note_end(WallTime now) {
  if (!ended_)
    return;
  database_.write([&] {
    if (ended_->failure)
      table_.failed(ended_->id, *ended_->failure, now);
    else
      table_.done(ended_->id, now);
  });
  ended_.reset();
  look_ = true;
  next_prune_ = {};
}

// --- those that wait ----------------------------------------------------------------------------

void Notifier::give_up_others(const std::vector<NotifyRule>& rules, WallTime now) {
  if (!check_)
    return;
  const std::string commands = commands_of(rules);
  bool others = false;
  database_.read([&] { others = table_.has_others(commands); });
  if (others)
    database_.write([&] { table_.give_up_others(commands, no_rule, now); });
  check_ = others; // there may be more
}

void Notifier::prune(Moment now) {
  if (now.steady < next_prune_)
    return;
  int rows = 0;
  database_.write([&] { rows = table_.prune(now.wall); });
  next_prune_ = rows > 0 ? now.steady + between_prunes : SteadyTime::max();
}

void Notifier::begin_next(const std::vector<NotifyRule>& rules, Moment now) {
  if (program_ || ended_ || (!look_ && now.steady < next_due_))
    return;
  const NotifyRule* chosen = nullptr;
  WaitingNotice next;
  database_.read([&] {
    chosen = nullptr;
    next_due_ = SteadyTime::max();
    std::set<std::string_view> seen;
    for (const NotifyRule& rule : rules) {
      if (!seen.insert(rule.command).second)
        continue;
      auto first = table_.first(rule.command);
      if (!first)
        continue;
      if (first->next_try_at && *first->next_try_at > now.wall) {
        // The clock may have been set back since.
        const SteadyTime due =
            std::min(to_steady(*first->next_try_at, now), now.steady + longest_retry);
        next_due_ = std::min(next_due_, due);
      } else if (chosen == nullptr || first->id < next.id) {
        chosen = &rule;
        next = std::move(*first);
      }
    }
  });
  look_ = false;
  if (chosen != nullptr)
    begin(std::move(next), *chosen, now);
}

void Notifier::begin(WaitingNotice notice, const NotifyRule& rule, Moment now) {
  notice_ = std::move(notice);
  began_ = now.wall;
  limit_ = rule.timeout;
  terminated_ = false;
  signal_at_ = now.steady + limit_;
  const JsonText payload = read_json(notice_.payload, JsonRules::mend);
  try {
    if (payload.problem)
      throw std::runtime_error("its payload is no JSON: " + *payload.problem);
    program_.emplace(argv_of(rule), payload.text + "\n");
    transport_.watch(program_->fd());
  } catch (const std::runtime_error& error) {
    program_.reset();
    end(error.what());
  }
}

} // namespace kdq
