// What goes wrong, how often: rules by flag or by the admin path, drawn once per request.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace kdq::sandbox {

/// The first two run scripts, the others hand out tokens.
enum class Endpoint { submit, status, exchange, refresh };
std::string_view to_text(Endpoint endpoint);

enum class FaultKind {
  delay,            ///< waits `ms` before it acts
  delay_after,      ///< acts, then waits `ms` before the reply
  drop_before,      ///< closes the connection and does nothing
  drop_after,       ///< acts, closes the connection without a byte
  close_after_next, ///< answers, then acts upon the connection's next request and drops it
  truncate,         ///< acts, announces the whole reply and sends half
  garbage,          ///< acts, answers 200 with a body that is no JSON
  status,           ///< answers `http_status` with a body that is no JSON
  code,             ///< answers `http_status` with the error `code`
  oversize          ///< acts, answers with `bytes` of padding
};
std::string_view to_text(FaultKind kind);

struct Fault {
  FaultKind kind = FaultKind::delay;
  std::chrono::milliseconds delay{100};
  int http_status = 200;
  std::int64_t code = 30004;
  std::optional<std::int64_t> retry_after_seconds;
  std::size_t padding_bytes = (16U << 20U) + 1; ///< just beyond the cap of a reply
  bool act = true;                              ///< whether the request has its effect all the same
};

struct FaultRule {
  std::optional<Endpoint> endpoint;   ///< none: submit and status
  std::optional<std::uint64_t> count; ///< how often it still strikes; none: for ever
  double probability = 1;
  Fault fault;
};

/// Reads a rule: {"kind", "endpoint": "submit|status|any|exchange|refresh", "count", "probability",
/// "ms", "http_status", "code", "retry_after", "bytes", "act"}; only "kind" is needed. "any", the
/// default, is submit and status. `status` and `code` do not act unless told; the others that leave
/// a choice act. A `status` without "http_status" is 502, a rule with neither "count" nor
/// "probability" strikes every time. Throws std::invalid_argument with a sentence.
FaultRule rule_from_json(const nlohmann::json& text);

/// Thread-safe; the same seed and the same order of requests give the same faults.
class FaultPlan {
public:
  explicit FaultPlan(std::uint64_t seed) : random_(seed) {}
  void add(const FaultRule& rule);
  void clear();
  /// The faults of one request: every delay that strikes, and of the other rules the first.
  std::vector<Fault> draw(Endpoint endpoint);
  /// Kind, endpoint and count of the rules in force.
  nlohmann::json describe() const;

private:
  mutable std::mutex mutex_; // guards what follows
  std::mt19937_64 random_;
  std::vector<FaultRule> rules_;
};

} // namespace kdq::sandbox
