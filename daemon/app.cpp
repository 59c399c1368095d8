#include "daemon/app.h"

#include "daemon/summary.h"
#include "daemon/version.h"

#include <algorithm>
#include <random>
#include <utility>

namespace kdq {

namespace {

/// How long a stop waits for replies: most come within a second, and what is lost by not waiting is
/// a visible gap. Well below systemd's TimeoutStopSec.
constexpr std::chrono::seconds stop_patience{20};
/// Between two lines for `systemctl status`: to make one costs as much as a job, and nobody reads
/// faster.
constexpr std::chrono::milliseconds status_pause{200};
/// Between two words about work that goes on before the start.
constexpr std::chrono::seconds word_pause{60};
constexpr std::chrono::seconds first_word{2};
/// Between the tries to take up the last run's work while another program has the database locked.
constexpr std::chrono::seconds start_retry{1};

EngineSettings engine_settings(const Config& config) {
  EngineSettings settings = config.engine;
  settings.version = version;
  settings.jitter_seed = std::random_device{}();
  return settings;
}

/// Between two checks of the queue's files for which nothing was the reason: inotify does not see
/// what happens in the folders above.
constexpr std::chrono::seconds file_check{5};

/// A name of the queue leads elsewhere: what is written now is seen by nobody.
std::string displaced_sentence(const std::string& what) {
  return what + " while it was in use; nothing more is sent, and the next start uses what stands "
                "there then";
}

/// The database itself: nothing of it may be written anywhere, it is not the queue any more.
struct FileReplaced : StoreBroken {
  using StoreBroken::StoreBroken;
};

} // namespace

App::App(const Config& config, const std::filesystem::path& credentials_directory, Log& log,
         std::function<Config()> read_config)
    : log_(log), read_config_(std::move(read_config)), database_file_(config.database),
      database_name_(config.database_name), lock_(database_file_), watch_(database_file_),
      database_(database_file_, Database::usual_busy_timeout,
                [this](std::int64_t done, std::int64_t total) { tell_check(done, total); }),
      writer_yield_(database_file_), tokens_(config.token_sources, credentials_directory),
      transport_(clock_), events_(log_),
      engine_(engine_settings(config), database_, transport_, clock_, tokens_, events_),
      notifier_(database_, transport_, clock_, log_) {
  database_.before_write([this] { writer_yield_.yield(); });
  for (const int fd : watch_.descriptors())
    transport_.watch(fd);
  transport_.watch(signals_.fd());
  log_.write(LogLevel::info, "kdocs-queued " + std::string(version) + " starts, with SQLite " +
                                 std::string(sqlite_version()) + " and " +
                                 CurlTransport::library_version());
  tell_settings(config);
  if (!watch_.trouble().empty())
    log_.write(LogLevel::warn, watch_.trouble());
  log_.flush();
}

void App::tell_settings(const Config& config) {
  for (const auto& line : summary(config))
    log_.write(LogLevel::info, line);
  for (const auto& [app, settings] : config.engine.apps) {
    if (const auto* problem = std::get_if<TokenProblem>(&tokens_.grant(app)))
      log_.write(LogLevel::warn, problem->sentence + "; until then its jobs wait");
  }
}

/// Of a check before the start, which may take minutes: whoever waits for the service sees it move.
void App::tell_check(std::int64_t done, std::int64_t total) {
  const SteadyTime now = clock_.steady();
  if (next_word_ == SteadyTime{})
    next_word_ = now + first_word;
  if (now < next_word_)
    return;
  const std::string text = "checking the database, because it may be damaged: " +
                           std::to_string(total > 0 ? 100 * done / total : 0) + " %";
  next_word_ = now + word_pause;
  service_.status(text);
  service_.still_starting(2 * word_pause);
  log_.write(LogLevel::info, text);
  log_.flush();
}

void App::run() {
  try {
    work();
  } catch (const FileReplaced&) {
    throw;
  } catch (const StoreBroken&) {
    engine_.spill();
    Database::suspect(database_file_);
    throw;
  } catch (...) {
    engine_.spill();
    throw;
  }
  // What the database did not take until the end waits in reserved space for the next start.
  engine_.finish();
  if (const auto open = engine_.in_flight(); open > 0)
    log_.write(LogLevel::warn, std::to_string(open) + " requests are left without a stored answer");
  log_.write(LogLevel::info, "stopped");
  log_.flush();
}

/// Goes on where the last run ended; false: asked to stop before the database could be written.
bool App::take_up() {
  for (bool told = false;; told = true) {
    try {
      engine_.recover();
      return true;
    } catch (const StoreUnavailable& trouble) {
      if (!told)
        log_.write(LogLevel::warn, std::string(trouble.what()) + "; waiting for it");
    }
    service_.status("waiting for the database");
    service_.alive(clock_.steady());
    log_.flush();
    transport_.wait_until(clock_.steady() + start_retry);
    watch_.woke();
    notice_signals();
    if (stop_deadline_)
      return false;
  }
}

void App::work() {
  if (!take_up())
    return;
  spill_file_.remember(database_file_.string() + ".spill");
  service_.ready();
  is_ready_ = true;
  for (;;) {
    require_same_files();
    const SteadyTime engine_wakes = engine_.tick();
    if (engine_.took_settings())
      notifier_.rules_changed();
    const SteadyTime notifier_wakes = notifier_.work(engine_.notify_rules(), engine_.notices_left(),
                                                     engine_.saw_foreign_change());
    const SteadyTime now = clock_.steady();
    watch_.looked(engine_.saw_foreign_change(), now);
    const SteadyTime status_again = tell_status(now);
    const SteadyTime alive_again = service_.alive(now);
    if (may_end(now))
      break;
    log_.flush();
    transport_.wait_until(std::min({engine_wakes, notifier_wakes, watch_.next_sweep(), status_again,
                                    alive_again, stop_deadline_.value_or(SteadyTime::max())}));
    watch_.woke();
    notice_signals();
  }
}

/// Returns when the line is to be told again that is too new now; far future: it is told.
SteadyTime App::tell_status(SteadyTime now) {
  if (now < next_status_)
    return next_status_;
  service_.status(status_line(engine_.status()));
  next_status_ = now + status_pause;
  return SteadyTime::max();
}

/// Before anything is sent.
void App::require_same_files() {
  const SteadyTime now = clock_.steady();
  if (!watch_.take_names_changed() && now < next_file_check_)
    return;
  next_file_check_ = now + file_check;
  std::error_code problem;
  if (std::filesystem::weakly_canonical(database_name_, problem) != database_file_)
    throw StoreBroken(displaced_sentence("the name " + database_name_.string() +
                                         " came to lead elsewhere than to " +
                                         database_file_.string()));
  for (const auto& file : {database_.displaced(), lock_.displaced(), spill_file_.changed()}) {
    if (!file)
      continue;
    const std::string sentence =
        displaced_sentence("the file " + file->string() + " was replaced, moved or removed");
    if (*file == database_file_)
      throw FileReplaced(sentence);
    throw StoreBroken(sentence);
  }
}

void App::notice_signals() {
  for (auto name = signals_.take(); !name.empty(); name = signals_.take()) {
    if (name == "SIGHUP") {
      reload();
      continue;
    }
    if (stop_deadline_) {
      stop_at_once_ = true;
      continue;
    }
    stop_deadline_ = clock_.steady() + stop_patience;
    service_.stopping();
    engine_.stop();
    notifier_.stop();
    log_.write(LogLevel::info, std::string(name) + ": stopping; requests under way: " +
                                   std::to_string(engine_.in_flight()) +
                                   " (a second signal ends without waiting for them)");
    log_.flush();
  }
}

/// What cannot be read, or is wrong, changes nothing.
void App::reload() {
  if (stop_deadline_)
    return;
  if (is_ready_)
    service_.reloading();
  std::string trouble;
  try {
    const Config config = read_config_();
    log_.set_level(config.log_level);
    log_.write(LogLevel::info, "SIGHUP: the configuration is read again");
    if (config.database != database_file_)
      trouble = "the configuration names another database, " + config.database.string() +
                ": it is used from the next start on, until then it is " + database_file_.string() +
                "; all else is taken";
    tokens_.configure(config.token_sources);
    engine_.configure(engine_settings(config));
    tell_settings(config);
  } catch (const std::exception& error) { // ConfigError, or whatever keeps it from being read
    trouble = "the changed configuration is not taken, what was read before stays: " +
              std::string(error.what());
  }
  engine_.tell_config_trouble(trouble);
  if (!trouble.empty())
    log_.write(LogLevel::error, trouble);
  log_.flush();
  if (is_ready_)
    service_.ready();
}

bool App::may_end(SteadyTime now) const {
  return stop_deadline_ && (stop_at_once_ || now >= *stop_deadline_ ||
                            (engine_.in_flight() == 0 && !notifier_.busy()));
}

} // namespace kdq
