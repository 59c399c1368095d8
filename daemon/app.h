// The running daemon: all parts, in the order in which they are built, and the loop.
#pragma once

#include "daemon/change_watch.h"
#include "daemon/config.h"
#include "daemon/curl_transport.h"
#include "daemon/instance_lock.h"
#include "daemon/logging.h"
#include "daemon/notifier.h"
#include "daemon/service_manager.h"
#include "daemon/signals.h"
#include "daemon/system_clock.h"
#include "daemon/token_files.h"
#include "daemon/writer_yield.h"
#include "poller/engine/engine.h"
#include "store/base/file_names.h"
#include "store/database.h"

#include <filesystem>
#include <functional>
#include <optional>

namespace kdq {

/// Single-threaded. Members stand in construction order: each uses only what stands above it.
class App {
public:
  /// Throws LockError, StoreBroken, StoreUnavailable or std::runtime_error: it cannot start.
  /// `log` must outlive it.
  /// `read_config` reads what is configured again, and throws ConfigError.
  App(const Config& config, const std::filesystem::path& credentials_directory, Log& log,
      std::function<Config()> read_config);

  /// Works until it is asked to stop; a request that is under way then is given time to be
  /// answered. Throws StoreBroken if the database breaks.
  void run();

private:
  void work();
  bool take_up();
  void tell_settings(const Config& config);
  void tell_check(std::int64_t done, std::int64_t total);
  SteadyTime tell_status(SteadyTime now);
  void require_same_files();
  void notice_signals();
  void reload();
  bool may_end(SteadyTime now) const;

  Log& log_;
  std::function<Config()> read_config_;
  Signals signals_; ///< before anything that could start a thread
  ServiceManager service_;
  SystemClock clock_;
  std::filesystem::path database_file_;
  std::filesystem::path database_name_; ///< as it is configured
  InstanceLock lock_;
  ChangeWatch watch_;      ///< before the database: what happens in between makes an event
  SteadyTime next_word_{}; ///< of tell_check()
  Database database_;
  WriterYield writer_yield_;
  TokenFiles tokens_;
  CurlTransport transport_;
  LogEvents events_;
  Engine engine_;
  Notifier notifier_;
  FileNames spill_file_;
  SteadyTime next_status_{};
  SteadyTime next_file_check_{};
  std::optional<SteadyTime> stop_deadline_; ///< set once a stop was asked for
  bool stop_at_once_ = false;
  bool is_ready_ = false; ///< as the service manager knows
};

} // namespace kdq
