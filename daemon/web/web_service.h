// The running program: serves, watches the database, and ends when it is asked to.
#pragma once

#include "daemon/change_watch.h"
#include "daemon/logging.h"
#include "daemon/service_manager.h"
#include "daemon/signals.h"
#include "daemon/system_clock.h"
#include "daemon/wait_set.h"
#include "daemon/web/changes.h"
#include "daemon/web/guard.h"
#include "daemon/web/http_server.h"
#include "daemon/web/site.h"
#include "daemon/web/web_options.h"

namespace kdq::web {

class WebService {
public:
  /// Listens. Throws ListenError, or std::runtime_error about the password file.
  WebService(const WebOptions& options, Log& log);

  /// Serves until SIGTERM or SIGINT comes.
  void run();

private:
  void look();
  void write_metrics();
  void tell_trouble(const std::string& sentence);
  void write_port() const;

  const WebOptions& options_;
  Log& log_;
  Signals signals_; // first: it blocks signals for the threads that come later
  SystemClock clock_;
  ServiceManager manager_;
  ChangeWatch watch_;
  WaitSet waits_;
  Changes changes_;
  HttpServer server_;
  Guard guard_;
  Site site_;
  std::unique_ptr<Reader> reader_; ///< sees whether something was committed
  SteadyTime next_look_ = SteadyTime::min();
  SteadyTime next_metrics_ = SteadyTime::max();
  std::string metrics_trouble_; ///< told last; empty: all is well
  std::string trouble_;         ///< told last; empty: all is well
};

} // namespace kdq::web
