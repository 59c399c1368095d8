// What the commands exec and follow say about a job, and with which exit code they end.
#pragma once

#include "store/base/time.h"
#include "store/job_client.h"

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <stdexcept>
#include <string>

namespace kdq {

/// Exit codes, beside those of the program (daemon/options.h); 128 and its number after a signal.
inline constexpr int exit_job_succeeded = 0;
inline constexpr int exit_job_failed = 1;      ///< or it was cancelled, or is not there
inline constexpr int exit_job_unknown = 3;     ///< unconfirmed, or it cannot be followed any more
inline constexpr int exit_job_timed_out = 124; ///< as timeout(1) has it

struct FollowStyle {
  bool result = false;        ///< stdout gets the result and nothing else
  bool json = false;          ///< stdout gets a JSON object a line
  std::optional<int> columns; ///< of the terminal that stderr is; nothing: it is none
};

/// stdout does not take what is written to it.
struct OutputGone : std::runtime_error {
  explicit OutputGone(int error);
  bool is_broken_pipe; ///< nobody reads it any more: nothing to tell
};

/// Writes what is new in each look at a job. Log lines go to stdout, those of level gap, warn and
/// error, and the program's own words, to stderr; with `result` all lines go there. With `json` all
/// but the program's words goes to stdout: {"log": …} for a line, {"progress": …} for a change of
/// what the job does or waits for, and at last {"end": …}. On a terminal stderr has, at its foot,
/// one line that is written anew. Whatever stands in a text, a terminal obeys none of it.
/// The streams must outlive it. All of it throws OutputGone.
class FollowReport {
public:
  /// `begun`: attempts up to this one need no word about their begin.
  FollowReport(JobId job, int begun, const std::filesystem::path& database,
               const FollowStyle& style, std::ostream& out, std::ostream& err);
  ~FollowReport();
  FollowReport(const FollowReport&) = delete;
  FollowReport& operator=(const FollowReport&) = delete;

  /// The exit code, once all is told of a job that has come to its end, or cannot go on by itself.
  std::optional<int> tell(const JobLook& look, Moment now);
  /// Writes the terminal's line anew; to be called again then, whatever else happens.
  SteadyTime tick(Moment now);
  /// A sentence of the program's own.
  void note(const std::string& sentence);
  /// The last word about a job that is not followed any more: why not. Returns `code`.
  int leave(const std::string& sentence, int code);

private:
  void tell_lines(const std::vector<StoredLine>& lines);
  void begin_attempt(int attempt);
  void tell_state(const FollowedJob& job, Moment now);
  void tell_wait(const FollowedJob& job, Moment now);
  std::optional<int> tell_end(const FollowedJob& job);
  void write(bool to_err, const std::string& text);
  void hide();
  std::string name() const;

  JobId job_;
  std::string database_;
  FollowStyle style_;
  std::ostream& out_;
  std::ostream& err_;
  std::optional<FollowedJob> last_; ///< as it was told
  int attempt_;                     ///< the last one that was told
  int queued_again_ = 0;            ///< the attempt after which that was told
  std::string daemon_trouble_;      ///< as it was told
  std::string progress_;            ///< the JSON that was told last
  std::string wait_told_;
  SteadyTime next_wait_word_{}; ///< where there is no terminal
  bool is_shown_ = false;       ///< something stands in the terminal's line
};

} // namespace kdq
