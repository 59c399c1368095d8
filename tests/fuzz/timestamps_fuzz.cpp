// Times survive the way to the database and back; what is no time is refused.
#include "store/base/time.h"
#include "tests/fuzz/fuzz.h"

namespace kdq::fuzz {
namespace {

void check_text(const std::string& text) {
  const auto time = parse_time(text);
  if (!time)
    return;
  const std::string again = to_text(*time);
  require(again == text || again == text + ".000", "a time is written as it was read");
}

void check_time(std::size_t milliseconds) {
  const WallTime time{std::chrono::milliseconds(static_cast<std::int64_t>(milliseconds))};
  const std::string text = to_text(time);
  require(text.size() == std::string_view("2026-01-31 09:05:00.250").size(), "all have one length");
  require(parse_time(text) == time, "a time is read as it was written");
  require(text < to_text(time + std::chrono::milliseconds(1)), "later times sort after");
}

} // namespace
} // namespace kdq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kdq::fuzz;
  Input input(data, size);
  check_text(input.rest());
  constexpr std::size_t end_of_year_9998 = 253'370'764'800'000;
  check_time(input.below(end_of_year_9998));
  return 0;
}
