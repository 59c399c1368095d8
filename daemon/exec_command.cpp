#include "daemon/exec_command.h"

#include "daemon/follow_report.h"
#include "daemon/job_follower.h"
#include "store/base/descriptors.h"
#include "store/base/file_io.h"
#include "store/base/unique_fd.h"
#include "store/base/utf8.h"
#include "store/job_client.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <stdexcept>

namespace kdq {
namespace {

/// Where a terminal does not say how wide it is.
constexpr int usual_columns = 80;

FollowStyle style_of(const FollowOptions& options) {
  FollowStyle style{options.result, options.json, std::nullopt};
  if (::isatty(STDERR_FILENO) != 1)
    return style;
  winsize size{};
  const bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  style.columns = is_known ? size.ws_col : usual_columns;
  return style;
}

std::optional<int> stdout_pipe() {
  struct stat info {};
  const bool is_pipe = ::fstat(STDOUT_FILENO, &info) == 0 && S_ISFIFO(info.st_mode);
  return is_pipe ? std::optional(STDOUT_FILENO) : std::nullopt;
}

} // namespace

std::string read_script(const std::string& name, int in, std::int64_t max_bytes) {
  const bool is_stdin = name == "-";
  const std::string what = is_stdin ? "the script on standard input" : "the script " + name;
  const auto fail = [&](const std::string& why) { throw std::runtime_error(what + " " + why); };
  const UniqueFd file(is_stdin ? -1 : ::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!is_stdin && !file)
    fail(or_descriptor_shortage("cannot be read: " + std::string(std::strerror(errno))));
  constexpr std::size_t piece = 1u << 16;
  for (bool is_end = false; !is_end;) {
    const std::size_t had = text.size();
    text.resize(had + piece);
    const auto got = read_up_to(is_stdin ? in : file.get(), std::span(text).subspan(had));
    if (!got)
      fail("cannot be read: " + std::string(std::strerror(errno)));
    text.resize(had + *got);
    is_end = *got < piece;
    if (text.size() > static_cast<std::size_t>(max_bytes))
      fail("has more than " + std::to_string(max_bytes) +
           " bytes (max_script_bytes in the daemon's configuration)");
  }
  if (text.empty())
    fail("is empty");
  if (const auto at = invalid_utf8_at(text))
    fail("is not UTF-8: its byte " + std::to_string(*at + 1) + " is part of no character");
  return text;
}

int exec_script(const Config& config, const ExecOptions& exec, const FollowOptions& options,
                std::ostream& out, std::ostream& err) {
  JobClient client(config.database);
  const NewJob job{
      exec.file_token, read_script(exec.script, STDIN_FILENO, client.max_script_bytes()),
      exec.app,        exec.argv,
      exec.name,       exec.timeout_s};
  JobFollower follower(config.database, client, stdout_pipe());
  const JobId id = client.enqueue(job);
  FollowReport report(id, 0, config.database, style_of(options), out, err);
  report.note("job " + std::to_string(id.value) + " is enqueued");
  return follower.follow(id, {}, exec.cancel_on_interrupt, report);
}

int follow_job(const Config& config, JobId job, const FollowOptions& options, std::ostream& out,
               std::ostream& err) {
  JobClient client(config.database);
  JobFollower follower(config.database, client, stdout_pipe());
  const int attempt = client.attempt(job).value_or(0);
  FollowReport report(job, attempt, config.database, style_of(options), out, err);
  return follower.follow(job, {attempt, 0}, false, report);
}

} // namespace kdq
