// The whole sandbox in one object, for the program and for tests in the same process.
#pragma once

#include "tests/sandbox/http_front.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace kdq::sandbox {

struct SandboxSettings {
  std::string host = "127.0.0.1"; ///< a loopback address
  int port = 0;                   ///< 0: any free one
  std::string certificate_file;   ///< PEM; empty: plain http
  std::string key_file;
  std::size_t threads = 256;       ///< connections served at a time
  std::string engine_path;         ///< the program kdocs-sandbox-engine
  std::string ledger_file;         ///< empty: in memory only
  std::vector<std::string> cells;  ///< "A1=text" or "FILE_TOKEN:A1=text"
  std::vector<std::string> faults; ///< rules as JSON (faults.h)
  std::uint64_t fault_seed = 1;
  bool verbose = false;
  ServiceSettings service;
  OauthSettings oauth;
  ScriptLimits limits;
  ReplyStyle style;
};

/// Serves from construction to destruction, which kills the scripts that still run.
class Sandbox {
public:
  /// Throws std::invalid_argument for a wrong setting, std::runtime_error if it cannot start; each
  /// with a sentence.
  explicit Sandbox(const SandboxSettings& settings);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  int port() const { return port_; }
  /// http://127.0.0.1:PORT, or https
  std::string base_url() const { return base_url_; }

private:
  Sheets sheets_;
  FaultPlan faults_;
  Ledger ledger_;
  Oauth oauth_;
  ScriptRunner runner_;
  Service service_;
  HttpFront front_;
  LoopbackServer server_;
  int port_ = 0;
  std::string base_url_;
};

} // namespace kdq::sandbox
