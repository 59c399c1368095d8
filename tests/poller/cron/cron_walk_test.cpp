// Every expression of expressions.txt against a walk through all minutes of five years, with clocks
// of the C library: nothing here is reckoned as the library does it.
#include "poller/cron/cron.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

using namespace kdq;

namespace {

constexpr std::int64_t minutes_a_day = 1440;

// --- what a text says, read literally -----------------------------------------------------------

struct Bounds {
  int first;
  int last;
  int highest; ///< of what may be written
  int count;   ///< how many numbers there are before they begin anew
  std::vector<std::string> names;
};

const std::array<Bounds, 5> bounds{
    {{0, 59, 59, 60, {}},
     {0, 23, 23, 24, {}},
     {1, 31, 31, 31, {}},
     {1,
      12,
      12,
      12,
      {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
     {0, 6, 7, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}}}};

int number(const Bounds& field, std::string text) {
  for (char& letter : text)
    letter = static_cast<char>(std::tolower(letter));
  const auto name = std::find(field.names.begin(), field.names.end(), text);
  return name == field.names.end() ? std::stoi(text)
                                   : field.first + static_cast<int>(name - field.names.begin());
}

/// Counts along the part until the number comes.
bool part_matches(const Bounds& field, const std::string& part, int wanted) {
  const std::size_t slash = part.find('/');
  const std::string range = part.substr(0, slash);
  const int step = slash == std::string::npos ? 1 : std::stoi(part.substr(slash + 1));
  const std::size_t dash = range.find('-');
  int from = field.first, to = field.last;
  if (range != "*") {
    from = number(field, range.substr(0, dash));
    if (dash != std::string::npos)
      to = number(field, range.substr(dash + 1));
    else
      to = slash == std::string::npos ? from : field.highest;
  }
  if (to < from)
    to += field.count;
  for (int at = from; at <= to; at += step)
    if ((at - wanted) % field.count == 0)
      return true;
  return false;
}

bool matches(const Bounds& field, const std::string& text, int wanted) {
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');)
    if (part_matches(field, part, wanted))
      return true;
  return false;
}

std::vector<std::string> fields_of(std::string text) {
  if (text == "@hourly")
    text = "0 * * * *";
  else if (text == "@daily")
    text = "0 0 * * *";
  else if (text == "@weekly")
    text = "0 0 * * 0";
  else if (text == "@monthly")
    text = "0 0 1 * *";
  else if (text == "@yearly")
    text = "0 0 1 1 *";
  std::istringstream words(text);
  std::vector<std::string> fields;
  for (std::string word; words >> word;)
    fields.push_back(word);
  return fields;
}

// --- the walk -----------------------------------------------------------------------------------

/// What the clocks of a zone show at each minute, as a count of minutes from 1970 on.
struct Clocks {
  std::string zone;
  std::int64_t begin; ///< the first minute, UTC
  std::vector<std::int64_t> shown;

  Clocks(const char* name, int first_year) : zone(name) {
    setenv("TZ", name, 1);
    tzset();
    std::tm first{};
    first.tm_year = first_year - 1900;
    first.tm_mday = 1;
    begin = timegm(&first) / 60;
    first.tm_year += 5;
    const std::int64_t end = timegm(&first) / 60;
    for (std::int64_t minute = begin; minute < end; ++minute) {
      const std::time_t seconds = minute * 60;
      std::tm local{};
      localtime_r(&seconds, &local);
      shown.push_back(timegm(&local) / 60);
    }
    unsetenv("TZ");
    tzset();
  }
};

/// Whether an expression matches what clocks may show.
class Matcher {
public:
  Matcher(const std::vector<std::string>& fields, const Clocks& clocks)
      : first_day_(clocks.shown.front() / minutes_a_day) {
    for (int time = 0; time < minutes_a_day; ++time)
      times_[static_cast<std::size_t>(time)] =
          matches(bounds[0], fields[0], time % 60) && matches(bounds[1], fields[1], time / 60);
    const bool both_restricted = fields[2][0] != '*' && fields[4][0] != '*';
    for (std::int64_t day = first_day_; day <= clocks.shown.back() / minutes_a_day; ++day) {
      const std::time_t seconds = day * 86'400;
      std::tm date{};
      gmtime_r(&seconds, &date);
      const bool by_date = matches(bounds[2], fields[2], date.tm_mday);
      const bool by_weekday = matches(bounds[4], fields[4], date.tm_wday);
      days_.push_back(matches(bounds[3], fields[3], date.tm_mon + 1) &&
                      (both_restricted ? by_date || by_weekday : by_date && by_weekday));
    }
  }
  bool operator()(std::int64_t shown) const {
    return times_[static_cast<std::size_t>(shown % minutes_a_day)] &&
           days_[static_cast<std::size_t>(shown / minutes_a_day - first_day_)];
  }

private:
  std::int64_t first_day_;
  std::array<bool, minutes_a_day> times_{};
  std::vector<char> days_;
};

/// The indices of the minutes at which the expression is due.
std::vector<std::size_t> due_minutes(const std::vector<std::string>& fields, const Clocks& clocks) {
  const Matcher match(fields, clocks);
  const bool fixed = fields[0][0] != '*' && fields[1][0] != '*';
  std::vector<std::size_t> due;
  std::int64_t latest = clocks.shown.front() - 1;
  for (std::size_t i = 0; i < clocks.shown.size(); ++i) {
    const std::int64_t shown = clocks.shown[i];
    bool is_due = !fixed && match(shown);
    // The hands of a clock pass each minute once, however fast they are moved on.
    for (; fixed && latest < shown; ++latest)
      is_due = match(latest + 1) || is_due;
    if (is_due)
      due.push_back(i);
  }
  return due;
}

// --- the comparison -----------------------------------------------------------------------------

class Comparison {
public:
  Comparison(const std::string& text, const Clocks& clocks)
      : text_(text), clocks_(clocks), due_(due_minutes(fields_of(text), clocks)) {
    const auto read = read_cron(text, clocks.zone);
    if (const auto* error = std::get_if<CronError>(&read))
      FAIL(text << ": " << error->sentence);
    cron_ = std::get<Cron>(read);
  }

  /// From a time to the next, all over the five years: from each one, unless there are many.
  std::size_t follow() const {
    constexpr std::size_t many = 10'000;
    const std::size_t stride = 1 + due_.size() / many;
    WallTime after = time_of(0) - std::chrono::milliseconds(1);
    std::size_t followed = 0;
    for (std::size_t i = 0; i < due_.size(); i += stride, ++followed)
      expect(i > 0 ? time_of(due_[i - 1]) : after, time_of(due_[i]));
    if (!due_.empty())
      after = time_of(due_.back());
    const auto beyond = cron_->next(after);
    if (beyond && *beyond < time_of(clocks_.shown.size()))
      FAIL(text_ << " in " << clocks_.zone << " after " << to_text(after) << ": "
                 << to_text(*beyond));
    return followed;
  }

  void ask(std::size_t minute, std::chrono::milliseconds later) const {
    const WallTime after = time_of(minute) + later;
    const auto next = std::find_if(std::upper_bound(due_.begin(), due_.end(), minute), due_.end(),
                                   [&](std::size_t due) { return time_of(due) > after; });
    if (next != due_.end())
      expect(after, time_of(*next));
  }

private:
  WallTime time_of(std::size_t minute) const {
    return WallTime(std::chrono::minutes(clocks_.begin + static_cast<std::int64_t>(minute)));
  }
  void expect(WallTime after, WallTime expected) const {
    const auto found = cron_->next(after);
    if (found != expected)
      FAIL(text_ << " in " << clocks_.zone << " after " << to_text(after) << ": "
                 << (found ? to_text(*found) : "nothing") << ", not " << to_text(expected));
  }

  const std::string& text_;
  const Clocks& clocks_;
  std::vector<std::size_t> due_;
  std::optional<Cron> cron_;
};

std::vector<std::string> expressions() {
  std::ifstream file(KDQ_EXPRESSIONS);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    lines.push_back(line);
  return lines;
}

} // namespace

TEST_CASE("times are those at which a walk through all minutes of five years finds them") {
  const auto texts = expressions();
  REQUIRE(texts.size() >= 200);
  std::size_t followed = 0, asked = 0;
  for (const Clocks& clocks :
       {Clocks("Asia/Shanghai", 2024), Clocks("Europe/Berlin", 2024),
        Clocks("America/New_York", 2024), Clocks("Australia/Lord_Howe", 2024),
        Clocks("Pacific/Apia", 2009)}) { // a year without 30 December
    std::vector<std::size_t>
        minutes; // at which to ask besides: some, and all about where clocks change
    std::mt19937 random(1);
    for (int i = 0; i < 200; ++i)
      minutes.push_back(random() % clocks.shown.size());
    for (std::size_t i = 200; i + 200 < clocks.shown.size(); ++i)
      if (clocks.shown[i] != clocks.shown[i - 1] + 1)
        for (std::size_t near = i - 190; near < i + 190; near += 5)
          minutes.push_back(near);
    for (const std::string& text : texts) {
      const Comparison comparison(text, clocks);
      followed += comparison.follow();
      for (const std::size_t minute : minutes)
        comparison.ask(minute, std::chrono::milliseconds(random() % 60'000));
      asked += minutes.size();
    }
  }
  MESSAGE(followed << " times followed, " << asked << " asked for besides");
}
