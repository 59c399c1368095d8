// The sandbox's own record of what it received, did and handed out: what tests compare with.
#pragma once

#include "store/base/unique_fd.h"
#include "tests/sandbox/faults.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>

namespace kdq::sandbox {

/// Numbers the requests of one run, from 1, in order of arrival.
using RequestNumber = std::uint64_t;

/// What a POST asks for.
struct SubmitOrder {
  std::string file;
  std::string script;
  std::string script_name;    ///< empty: none
  nlohmann::json custom_argv; ///< an object, or null
};

/// Thread-safe. With a file, each entry is one JSON line that is written before the call returns,
/// so that it survives whatever happens to either side. Never sees a token, a code or a key.
class Ledger {
public:
  /// `path`: appended to; empty: memory only. Throws std::system_error if it cannot be opened;
  /// every other call throws it when the file cannot be written.
  explicit Ledger(const std::string& path);

  RequestNumber received(Endpoint endpoint);
  void faulted(RequestNumber request, FaultKind kind);
  void refused(RequestNumber request, std::int64_t code, const std::string& name);
  /// A task id that was not encoded exactly once; comes before its refusal.
  void wrongly_encoded(RequestNumber request);
  void path_not_found();
  /// The person at the consent page agreed, or refused.
  void consented(const std::string& account, const std::string& scope, bool force_login);
  void consent_refused(bool force_login);
  void token_issued(RequestNumber request, const std::string& account, const std::string& scope);
  void posted(RequestNumber request, const std::string& task, const SubmitOrder& order);
  void produced(const std::string& task, std::size_t index, const nlohmann::json& line);
  /// A status answer that took lines `from` on; `lines` may be empty.
  void handed_out(RequestNumber request, const std::string& task, std::size_t from,
                  const nlohmann::json& lines, bool ended);
  void ended(const std::string& task, const std::string& file, const std::string& error,
             const nlohmann::json& result);

  nlohmann::json summary() const;

private:
  void append(const nlohmann::json& entry);
  /// File, script name, argv as text, script.
  using PostKey = std::tuple<std::string, std::string, std::string, std::string>;
  struct Running {
    std::uint64_t now = 0;
    std::uint64_t most = 0;
  };

  UniqueFd file_;
  mutable std::mutex mutex_; // guards what follows and the writing
  RequestNumber requests_ = 0;
  std::map<std::string, std::uint64_t> received_{{"submit", 0}, {"status", 0}};
  std::map<std::string, std::uint64_t> refused_;
  std::map<std::string, std::uint64_t> faults_;
  std::map<PostKey, std::uint64_t> posts_;
  std::map<std::string, Running> running_; ///< by file
  Running running_in_all_;
  std::uint64_t wrong_encodings_ = 0;
  std::uint64_t paths_not_found_ = 0;
  std::uint64_t tasks_ended_ = 0;
  std::uint64_t lines_produced_ = 0;
  std::uint64_t lines_handed_out_ = 0;
};

} // namespace kdq::sandbox
