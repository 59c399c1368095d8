#include "store/background_copy.h"

#include "store/database_copy.h"

#include <chrono>
#include <exception>
#include <utility>

namespace kdq {
namespace {

// About as long as the work between two rests takes.
constexpr std::chrono::microseconds rest{2500};

} // namespace

BackgroundCopy::BackgroundCopy(std::filesystem::path source, std::filesystem::path target,
                               WallTime made_at)
    : source_(std::move(source)), target_(std::move(target)), made_at_(made_at),
      thread_([this] { work(); }) {}

BackgroundCopy::~BackgroundCopy() {
  given_up_ = true;
  thread_.join();
}

void BackgroundCopy::work() {
  try {
    copy_database(source_, target_, made_at_, [this](const CopyProgress& progress) {
      reading_ = progress.stage == CopyProgress::Stage::copying;
      std::this_thread::sleep_for(rest);
      return !given_up_;
    });
  } catch (const std::exception& error) {
    problem_ = error.what();
  }
  reading_ = false;
  done_ = true;
}

} // namespace kdq
