#include "daemon/follow_report.h"

#include "poller/api/json_text.h"
#include "store/base/utf8.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ostream>
#include <string_view>
#include <utility>

namespace kdq {
namespace {

using namespace std::chrono_literals;

/// Where there is no terminal, nobody wants to read why a job waits as long as it soon goes on.
constexpr std::chrono::milliseconds before_wait_word = 10s;
constexpr std::chrono::milliseconds between_wait_words = 1min;
constexpr std::chrono::milliseconds between_ticks = 1s;

/// For people: UTF-8, and nothing that a terminal obeys.
std::string harmless(std::string_view text) {
  std::string mended;
  append_mended(mended, text);
  return visible(std::move(mended));
}

/// The same in one line, in as many columns as there are. What is not ASCII may take two of them.
std::string fitted(std::string_view text, int columns) {
  std::string line = harmless(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
  int used = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const auto byte = static_cast<unsigned char>(line[at]);
    if ((byte & 0xC0U) == 0x80U)
      continue;
    used += byte < 0x80 ? 1 : 2;
    if (used >= columns - 1) // one is left for the ellipsis, and the last one free
      return shortened(line, at);
  }
  return line;
}

std::string in_words(std::chrono::milliseconds span) {
  const auto seconds =
      std::max<std::int64_t>(0, std::chrono::floor<std::chrono::seconds>(span).count());
  if (seconds < 60)
    return std::to_string(seconds) + " s";
  if (seconds < 3600)
    return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
  return std::to_string(seconds / 3600) + " h " + std::to_string(seconds / 60 % 60) + " min";
}

/// What ends or troubles a script: it is to be seen where its output is processed.
bool is_for_stderr(std::string_view level) {
  return level == "gap" || level == "warn" || level == "warning" || level == "error";
}

/// The result as it is stored, in one line.
std::string result_json(const std::string& result) {
  JsonText json = read_json(result, JsonRules::mend);
  if (!json.problem)
    return std::move(json.text);
  std::string text;
  append_mended(text, result);
  std::string quoted;
  append_quoted(quoted, text);
  return quoted;
}

/// {"name": {…}}, a line of its own.
class JsonLine {
public:
  JsonLine(std::string_view name, JobId job) {
    append_quoted(text_, name);
    text_ += ":{";
    number("job_id", job.value);
  }
  JsonLine& number(std::string_view key, std::int64_t value) {
    return json(key, std::to_string(value));
  }
  JsonLine& json(std::string_view key, std::string_view value) {
    if (text_.back() != '{')
      text_ += ',';
    append_quoted(text_, key);
    text_ += ':';
    text_ += value;
    return *this;
  }
  /// Empty: null.
  JsonLine& text(std::string_view key, std::string_view value) {
    if (value.empty())
      return json(key, "null");
    std::string mended;
    append_mended(mended, value);
    std::string quoted;
    append_quoted(quoted, mended);
    return json(key, quoted);
  }
  JsonLine& time(std::string_view key, const std::optional<WallTime>& value) {
    return text(key, value ? to_text(*value) : "");
  }
  /// A control character as \u009b is the same in JSON, and a terminal obeys none.
  std::string line() const { return visible("{" + text_ + "}}\n"); }

private:
  std::string text_;
};

std::string log_json(JobId job, const StoredLine& line) {
  JsonLine json("log", job);
  json.number("attempt", line.attempt).number("seq", line.seq);
  json.text("level", line.level).text("filename", line.filename).text("timestamp", line.timestamp);
  std::string message;
  append_mended(message, line.message);
  std::string quoted;
  append_quoted(quoted, message);
  return json.json("message", quoted).text("fetched_at", line.fetched_at).line();
}

std::string progress_json(JobId id, const FollowedJob& job) {
  return JsonLine("progress", id)
      .text("state", to_text(job.state))
      .number("attempt", job.attempt)
      .time("submitted_at", job.submitted_at)
      .text("waits_for", job.waits_for)
      .text("daemon_trouble", job.daemon_trouble)
      .line();
}

} // namespace

OutputGone::OutputGone(int error)
    : std::runtime_error("stdout cannot be written: " + std::string(std::strerror(error))),
      is_broken_pipe(error == EPIPE) {}

FollowReport::FollowReport(JobId job, int begun, const std::filesystem::path& database,
                           const FollowStyle& style, std::ostream& out, std::ostream& err)
    : job_(job), database_(database.string()), style_(style), out_(out), err_(err),
      attempt_(begun) {}

FollowReport::~FollowReport() {
  hide();
}

std::string FollowReport::name() const {
  return "job " + std::to_string(job_.value);
}

/// Each stream gets its pieces in order; before the other's next one they are out.
void FollowReport::write(bool to_err, const std::string& text) {
  if (text.empty())
    return;
  hide();
  (to_err ? err_ : out_) << text << std::flush;
  if (!to_err && !out_)
    throw OutputGone(errno);
}

void FollowReport::note(const std::string& sentence) {
  write(true, "kdocs-queued: " + harmless(sentence) + '\n');
}

void FollowReport::hide() {
  if (std::exchange(is_shown_, false))
    err_ << "\r\x1b[K" << std::flush;
}

std::optional<int> FollowReport::tell(const JobLook& look, Moment now) {
  tell_lines(look.lines);
  if (look.has_more)
    return std::nullopt;
  if (!look.job)
    return leave(name() + (last_ ? " was deleted" : " is not there"), exit_job_failed);
  const FollowedJob& job = *look.job;
  last_ = job;
  if (auto code = tell_end(job))
    return code;
  tell_state(job, now);
  return std::nullopt;
}

void FollowReport::tell_lines(const std::vector<StoredLine>& lines) {
  std::string text;
  bool to_err = false;
  for (const StoredLine& line : lines) {
    if (line.attempt > attempt_) {
      write(to_err, std::exchange(text, {}));
      begin_attempt(line.attempt);
    }
    const bool is_trouble = is_for_stderr(line.level);
    const bool this_to_err = !style_.json && (style_.result || is_trouble);
    if (this_to_err != to_err)
      write(to_err, std::exchange(text, {}));
    to_err = this_to_err;
    if (style_.json)
      text += log_json(job_, line);
    else
      text += (is_trouble ? harmless(line.level) + ": " : "") + harmless(line.message) + '\n';
  }
  write(to_err, text);
}

void FollowReport::begin_attempt(int attempt) {
  if (attempt <= attempt_)
    return;
  attempt_ = attempt;
  if (attempt > 1)
    note("attempt " + std::to_string(attempt) + " of " + name() + " begins");
}

void FollowReport::tell_state(const FollowedJob& job, Moment now) {
  if (job.state != JobState::queued)
    begin_attempt(job.attempt);
  else if (job.attempt > 0 && job.attempt == attempt_ && queued_again_ != job.attempt) {
    queued_again_ = job.attempt;
    note(name() + " is queued again: " + job.waits_for);
  }
  if (job.daemon_trouble != daemon_trouble_) {
    daemon_trouble_ = job.daemon_trouble;
    if (!daemon_trouble_.empty())
      note(daemon_trouble_);
  }
  if (style_.json) {
    if (std::string json = progress_json(job_, job); json != progress_) {
      write(false, json);
      progress_ = std::move(json);
    }
  }
  tell_wait(job, now);
}

/// Where there is no terminal: what was said about the daemon is enough as long as it holds.
void FollowReport::tell_wait(const FollowedJob& job, Moment now) {
  if (next_wait_word_ == SteadyTime{} || job.waits_for.empty())
    next_wait_word_ = now.steady + before_wait_word;
  if (style_.columns || now.steady < next_wait_word_ || job.waits_for == wait_told_ ||
      !job.daemon_trouble.empty())
    return;
  next_wait_word_ = now.steady + between_wait_words;
  wait_told_ = job.waits_for;
  note(name() + " waits: " + job.waits_for);
}

SteadyTime FollowReport::tick(Moment now) {
  if (!style_.columns || !last_)
    return SteadyTime::max();
  std::string text = name();
  switch (last_->state) {
  case JobState::queued:
    text += " waits: " + last_->waits_for;
    break;
  case JobState::submitting:
    text += " is being started";
    break;
  default:
    text += " runs for " + in_words(now.wall - last_->submitted_at.value_or(now.wall));
  }
  err_ << '\r' << fitted(text, *style_.columns) << "\x1b[K" << std::flush;
  is_shown_ = true;
  return now.steady + between_ticks;
}

std::optional<int> FollowReport::tell_end(const FollowedJob& job) {
  const std::string because = job.error.empty() ? "" : ": " + job.error;
  switch (job.state) {
  case JobState::queued:
  case JobState::submitting:
  case JobState::running:
    return std::nullopt;
  case JobState::succeeded:
    if (style_.result && !style_.json && job.result)
      write(false, visible(result_json(*job.result)) + '\n');
    return leave(
        style_.result && !job.result ? name() + " has succeeded, but its result is not known" : "",
        exit_job_succeeded);
  case JobState::failed:
    return leave(name() + " has failed" + because, exit_job_failed);
  case JobState::cancelled:
    return leave(name() + " was cancelled" + because, exit_job_failed);
  case JobState::timed_out:
    return leave(name() + " has timed out" + because, exit_job_timed_out);
  case JobState::unconfirmed:
    break;
  }
  return leave(
      name() + " is unconfirmed: " + job.waits_for +
          ". Look at the spreadsheet whether the script has run. To run it (again): sqlite3 " +
          database_ + " \"UPDATE jobs SET state = 'queued' WHERE id = " +
          std::to_string(job_.value) + "\"; else set 'cancelled'",
      exit_job_unknown);
}

int FollowReport::leave(const std::string& sentence, int code) {
  if (style_.json) {
    JsonLine json("end", job_);
    const FollowedJob job = last_.value_or(FollowedJob{});
    json.text("state", last_ ? to_text(job.state) : "").number("attempt", job.attempt);
    json.json("result", job.result ? result_json(*job.result) : "null");
    json.text("error", job.error).number("log_gaps", job.log_gaps);
    json.time("submitted_at", job.submitted_at).time("finished_at", job.finished_at);
    write(false, json.text("reason", sentence).number("exit_code", code).line());
  }
  if (!sentence.empty())
    note(sentence);
  return code;
}

} // namespace kdq
