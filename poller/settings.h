// What the engine can be told; the configuration file's keys have the same names.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <ratio>
#include <set>
#include <string>
#include <vector>

namespace kdq {

/// One registered KDocs app: a token, a base address and two daily quotas.
struct AppSettings {
  std::string base_url = "https://developer.kdocs.cn";
  /// The vendor's table and examples disagree about it (poller/api/README.md, section 2): the
  /// examples' path.
  std::string status_path = "/api/v1/openapi/personal/script/status";
  std::string ca_file;                          ///< PEM; empty: the system's certificates
  std::int64_t submit_quota = 500;              ///< starts per quota day (test tier)
  std::int64_t status_quota = 10000;            ///< status requests per quota day (test tier)
  double requests_per_second = 10;              ///< of both kinds together; 0: no limit
  std::chrono::minutes quota_reset{0};          ///< time of day at which the quota day begins
  std::string quota_timezone = "Asia/Shanghai"; ///< IANA name
  std::string app_id; ///< at the vendor's; empty: somebody else keeps the access token fresh
  std::string login;  ///< the command with which a person consents, for people
};

using Days = std::chrono::duration<double, std::ratio<86400>>;

/// How long ended jobs are kept; 0: no limit.
struct RetentionSettings {
  Days days_ended{0}; ///< from the end of a job until it is deleted with all that belongs to it
  Days days_logs{0};  ///< until only its log lines and requests are
  std::int64_t max_bytes = 0; ///< of the database in use: beyond it the oldest ended jobs go
};

/// Copies of the database that are made beside the work.
struct BackupSettings {
  std::filesystem::path directory;   ///< absolute; empty: none are made
  std::chrono::seconds every{86400}; ///< from one to the next
  std::size_t keep = 7;              ///< so many, at least 1
};

/// Somebody is told of these events: by a command, which gets them on its standard input.
struct NotifyRule {
  /// failed, timed_out, unconfirmed: a job came into this state, and stays in it unless somebody
  /// changes it (one that is held after a restore is a matter of health); blocked: an app did;
  /// health: the view of this name has a row that is new.
  std::set<std::string, std::less<>> on;
  std::string app;     ///< only of this one; empty: of any, and of none
  std::string command; ///< program (its full path) and arguments, a JSON array
  std::chrono::seconds timeout{30};
};

struct EngineSettings {
  std::size_t max_running = 100;
  std::size_t max_running_per_file = 1;                   ///< 0: no limit
  std::chrono::seconds job_timeout{1800};                 ///< for jobs without timeout_s
  std::int64_t max_script_bytes = std::int64_t{16} << 20; ///< of a script and its argv together
  /// From here on a person is told that a reader keeps the write-ahead log growing; told again each
  /// time it has doubled. Four times the size to which it is cut when it is begun anew.
  std::int64_t long_log_mb = 64;
  bool keep_raw = false; ///< the raw bodies of replies stay although all in them is in rows
  RetentionSettings retention;
  BackupSettings backup;
  std::vector<NotifyRule> notify;
  std::map<std::string, AppSettings> apps; ///< by name; jobs.app refers to it
  std::string version;                     ///< of the program, for people
  std::uint64_t jitter_seed = 1;           ///< of the waits after failures
};

} // namespace kdq
