#include "poller/engine/requests/start_pace.h"

namespace kdq {
namespace {

constexpr std::size_t large_round = 24;
// The rest takes this part of the time that the round took. If the round took longer than this, it
// was not the processor that took it.
constexpr double rest_share = 0.7;
constexpr std::chrono::milliseconds longest_busy_round{50};

} // namespace

void StartPace::begun(std::size_t starts, bool polls, SteadyTime now) {
  if (!round_began_) {
    if (starts == 0)
      return;
    round_began_ = now;
    starts_ = 0;
    polled_ = false;
    goes_on_.reset();
  }
  starts_ += starts;
  polled_ = polled_ || polls;
}

std::optional<SteadyTime> StartPace::rests_until(SteadyTime now) {
  if (!round_began_ || *round_began_ == now)
    return std::nullopt; // it is still being filled
  if (!goes_on_) {
    goes_on_ = now;
    const auto took = now - *round_began_;
    if (starts_ >= large_round && !polled_ && took <= longest_busy_round)
      *goes_on_ += std::chrono::round<std::chrono::milliseconds>(
          rest_share * std::chrono::duration<double, std::milli>(took));
  }
  if (now < *goes_on_)
    return goes_on_;
  round_began_.reset();
  return std::nullopt;
}

} // namespace kdq
