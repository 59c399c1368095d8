// A text is a cron, whose times go on, or it is refused with a short sentence.
#include "poller/cron/cron.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>

namespace kdq::fuzz {
namespace {

constexpr const char* zones[] = {"UTC",           "Asia/Shanghai",       "Europe/Berlin",
                                 "Pacific/Apia",  "Australia/Lord_Howe", "America/Sao_Paulo",
                                 "Asia/Kathmandu"};

void check_sentence(const std::string& sentence) {
  require(!sentence.empty() && sentence.size() < 300, "a sentence is short");
  require(std::all_of(sentence.begin(), sentence.end(),
                      [](char byte) { return byte >= ' ' && byte <= '~'; }),
          "a sentence is printable");
}

void check_times(const Cron& cron, WallTime after) {
  for (int i = 0; i < 5; ++i) {
    const auto next = cron.next(after);
    if (!next)
      return;
    require(*next > after, "a time is after the one that was asked for");
    require(parse_time(to_text(*next)) == next, "a time can be stored");
    require(cron.next(*next - std::chrono::milliseconds(1)) == next, "it is next until it comes");
    require(cron.next(after + (*next - after) / 2) == next, "nothing is due before it");
    after = *next;
  }
}

} // namespace
} // namespace kdq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kdq;
  using namespace kdq::fuzz;
  Input input(data, size);
  const char* const zone = zones[input.below(std::size(zones))];
  constexpr std::int64_t a_million_years = std::int64_t{1} << 55U; // in milliseconds
  const auto time = static_cast<std::int64_t>(input.below(2 * a_million_years)) - a_million_years;
  const std::string text = input.rest();
  const auto read = read_cron(text, zone);
  if (const auto* error = std::get_if<CronError>(&read)) {
    check_sentence(error->sentence);
    return 0;
  }
  const Cron& cron = std::get<Cron>(read);
  check_times(cron, WallTime(std::chrono::milliseconds(time)));
  constexpr std::int64_t a_century = 3'155'760'000'000;
  check_times(cron, WallTime(std::chrono::milliseconds(time % a_century))); // about 1970

  const auto unknown = read_cron("@daily", text);
  if (const auto* error = std::get_if<CronError>(&unknown))
    check_sentence(error->sentence);
  return 0;
}
