#include "poller/engine/backups.h"

#include "poller/clock.h"
#include "poller/events.h"
#include "poller/quota/quota_policy.h"
#include "store/backup_folder.h"
#include "store/database.h"

#include <algorithm>
#include <system_error>

namespace kdq {
namespace {

using namespace std::chrono_literals;

// Between two looks whether a copy is done, and whether one is due: the clock may be set.
constexpr std::chrono::milliseconds look_at_copy = 200ms;
constexpr std::chrono::milliseconds look_at_clock = 1h;
// After one that failed.
constexpr std::chrono::milliseconds first_retry = 1min;
constexpr std::chrono::milliseconds longest_retry = 1h;

} // namespace

Backups::Backups(const BackupSettings& wanted, Database& database, const Clock& clock,
                 Events& events)
    : database_(database), clock_(clock), events_(events), table_(database) {
  configure(wanted);
}

Backups::~Backups() {
  database_.keep_log(false);
}

void Backups::configure(const BackupSettings& wanted) {
  wanted_ = wanted;
  not_before_ = {};
  wake_ = wanted_.directory.empty() && !copy_ ? SteadyTime::max() : SteadyTime{};
}

void Backups::note_settings(WallTime now) {
  if (wanted_.directory.empty())
    table_.not_configured();
  else
    table_.configured(wanted_.directory, wanted_.every, now);
}

void Backups::work() {
  const Moment now = clock_.now();
  if (now.steady < wake_)
    return;
  if (!copy_ && wanted_.directory.empty()) {
    wake_ = SteadyTime::max();
    return;
  }
  if (!copy_)
    return begin_if_due(now);
  database_.keep_log(copy_->is_reading());
  wake_ = now.steady + look_at_copy;
  if (copy_->is_done())
    end(now);
}

void Backups::begin_if_due(Moment now) {
  std::optional<WallTime> made_at;
  database_.read([&] { made_at = table_.made_at(); });
  // Of one in the future: the clock was set back.
  const auto left = made_at && *made_at <= now.wall ? *made_at + wanted_.every - now.wall
                                                    : std::chrono::milliseconds(0);
  if (left > 0ms || now.steady < not_before_) {
    wake_ = std::max(not_before_, now.steady + std::min(left, look_at_clock));
    return;
  }
  try {
    copy_.emplace(database_.file(), wanted_.directory / backup_name(now.wall), now.wall);
  } catch (const std::system_error& error) {
    return failed(error.what(), now);
  }
  database_.keep_log(true);
  wake_ = now.steady + look_at_copy;
}

void Backups::end(Moment now) {
  if (!copy_->problem().empty()) {
    failed(copy_->problem(), now);
    copy_.reset();
    return;
  }
  database_.write([&] { table_.made(copy_->target(), copy_->made_at()); });
  if (failures_ > 0)
    events_.relief("backups can be made again");
  failures_ = 0;
  if (const std::string problem =
          prune_backups(copy_->target().parent_path(), wanted_.keep, copy_->target());
      !problem.empty())
    events_.trouble(problem);
  copy_.reset();
  // However often the clock is set.
  not_before_ = now.steady + wanted_.every / 2;
  wake_ = now.steady;
}

void Backups::failed(const std::string& sentence, Moment now) {
  database_.write([&] { table_.failed(sentence, now.wall); });
  if (failures_ == 0)
    events_.trouble("no backup can be made: " + sentence);
  not_before_ = wake_ = now.steady + backoff(first_retry, failures_, longest_retry);
  ++failures_;
}

} // namespace kdq
