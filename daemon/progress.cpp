#include "daemon/progress.h"

#include <algorithm>
#include <ostream>

namespace kdq {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds silence = 2s;
constexpr std::chrono::milliseconds between_rewrites = 200ms;
constexpr std::chrono::milliseconds between_lines = 1min;

} // namespace

Progress::Progress(std::ostream& out, bool is_terminal, const Clock& clock)
    : out_(out), is_terminal_(is_terminal), clock_(clock),
      next_(clock.steady() + (is_terminal ? silence : between_lines)) {}

Progress::~Progress() {
  if (is_shown_)
    out_ << '\n' << std::flush;
}

void Progress::show(const std::string& what, std::int64_t done, std::int64_t total) {
  const SteadyTime now = clock_.steady();
  if (now < next_)
    return;
  const std::int64_t percent = total > 0 ? std::clamp<std::int64_t>(100 * done / total, 0, 100) : 0;
  const std::string line = what + ": " + std::to_string(percent) + " %";
  if (is_terminal_)
    out_ << '\r' << line << "\x1b[K" << std::flush; // what a longer line left is wiped
  else
    out_ << line << '\n' << std::flush;
  is_shown_ = is_terminal_;
  next_ = now + (is_terminal_ ? between_rewrites : between_lines);
}

} // namespace kdq
