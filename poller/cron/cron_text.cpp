#include "poller/cron/cron_text.h"

#include "poller/api/ascii.h"
#include "poller/api/number_in.h"

#include <algorithm>
#include <array>
#include <vector>

namespace kdq {
namespace {

constexpr std::size_t max_text_bytes = 1000; // all 60 minutes one by one take 169
constexpr std::size_t max_shown_bytes = 40;
constexpr std::string_view field_names = "minute hour day-of-month month day-of-week";

/// What a field may have.
struct FieldRule {
  std::string_view name;
  unsigned first;
  unsigned last;
  unsigned highest;         ///< `last`, or a second number for the first
  std::string_view bounds;  ///< for sentences
  std::string_view names{}; ///< of the numbers from `first` on, three small letters each

  unsigned count() const { return last - first + 1; }
};

constexpr std::array<FieldRule, 5> rules{{
    {"minute", 0, 59, 59, "minutes go from 0 to 59"},
    {"hour", 0, 23, 23, "hours go from 0 to 23"},
    {"day-of-month", 1, 31, 31, "days of the month go from 1 to 31"},
    {"month", 1, 12, 12, "months go from 1 to 12, or from JAN to DEC",
     "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"day-of-week", 0, 6, 7, "days of the week go from 0 to 7, or from SUN to SAT",
     "sunmontuewedthufrisat"},
}};

struct Nickname {
  std::string_view name;
  std::string_view fields;
};

constexpr Nickname nicknames[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

/// The pieces between the separators, one more than there are separators.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  while (true) {
    const std::size_t end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    if (end == std::string_view::npos)
      return pieces;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string_view> words(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  std::vector<std::string_view> found;
  while (true) {
    const std::size_t begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos)
      return found;
    text.remove_prefix(begin);
    const std::size_t size = std::min(text.find_first_of(blanks), text.size());
    found.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
}

bool printable(char byte) {
  return byte >= ' ' && byte <= '~';
}

/// Whether a piece that is no number and no name is one of the signs that other programs have.
bool has_foreign_sign(std::string_view piece) {
  if (piece.empty())
    return false;
  if (piece.find_first_of("#?") != std::string_view::npos)
    return true;
  const std::string lower = ascii_lower(piece);
  if (lower == "l" || lower == "w" || lower == "lw")
    return true;
  // 15W, 5L, FRIL
  const bool after_number = lower.find_first_not_of("0123456789") + 1 == lower.size();
  return (after_number || lower.size() == 4) && (lower.back() == 'l' || lower.back() == 'w');
}

/// Reads one field into a set.
class FieldReader {
public:
  FieldReader(const FieldRule& rule, std::string_view field) : rule_(rule), field_(field) {}

  /// Nothing if the field is wrong: complaint() says why.
  std::optional<std::uint64_t> read() {
    std::uint64_t set = 0;
    for (const std::string_view part : split(field_, ','))
      if (!add(part, set))
        return std::nullopt;
    return set;
  }
  const std::string& complaint() const { return complaint_; }

private:
  /// In a range past the end, `high` is beyond it.
  struct Range {
    unsigned low = 0;
    unsigned high = 0;
  };

  bool add(std::string_view part, std::uint64_t& set) {
    const std::size_t slash = part.find('/');
    const bool has_step = slash != std::string_view::npos;
    const auto range = read_range(part.substr(0, slash), has_step, part);
    if (!range)
      return false;
    unsigned step = 1;
    if (has_step) {
      const auto read = number_in<unsigned>(part.substr(slash + 1));
      if (!read || *read < 1 || *read > rule_.count())
        return fail(part, "a step is a number from 1 to " + std::to_string(rule_.count()));
      step = *read;
    }
    for (unsigned number = range->low; number <= range->high; number += step)
      set |= std::uint64_t{1} << (number > rule_.last ? number - rule_.count() : number);
    return true;
  }

  std::optional<Range> read_range(std::string_view text, bool has_step, std::string_view part) {
    if (text == "*")
      return Range{rule_.first, rule_.last};
    const std::size_t dash = text.find('-');
    const auto low = read_number(text.substr(0, dash), part);
    if (!low)
      return std::nullopt;
    if (dash == std::string_view::npos)
      return Range{*low, has_step ? rule_.highest : *low};
    const auto high = read_number(text.substr(dash + 1), part);
    if (!high)
      return std::nullopt;
    return Range{*low, *high < *low ? *high + rule_.count() : *high};
  }

  std::optional<unsigned> read_number(std::string_view text, std::string_view part) {
    const auto number = number_in<unsigned>(text);
    if (number && *number >= rule_.first && *number <= rule_.highest)
      return number;
    const std::string lower = ascii_lower(text);
    for (std::size_t at = 0; lower.size() == 3 && at < rule_.names.size(); at += 3)
      if (rule_.names.substr(at, 3) == lower)
        return rule_.first + static_cast<unsigned>(at / 3);
    if (part.empty())
      fail(field_, "something is missing beside a comma");
    else if (has_foreign_sign(text))
      fail(text, "the signs L, W, # and ? of other programs mean nothing here");
    else
      fail(text.empty() || text == "*" ? part : text, rule_.bounds);
    return std::nullopt;
  }

  bool fail(std::string_view what, std::string_view why) {
    complaint_ = "the field " + std::string(rule_.name) + " of the cron text " +
                 (what == field_ ? "is " : "has ") + cut_for_sentence(what) + ": " +
                 std::string(why);
    return false;
  }

  const FieldRule& rule_;
  std::string_view field_;
  std::string complaint_;
};

std::variant<CronFields, CronError> read_fields(const std::vector<std::string_view>& fields) {
  std::array<std::uint64_t, rules.size()> sets{};
  for (std::size_t i = 0; i < rules.size(); ++i) {
    FieldReader reader(rules[i], fields[i]);
    const auto set = reader.read();
    if (!set)
      return CronError{reader.complaint()};
    sets[i] = *set;
  }
  const auto star = [&](std::size_t i) { return fields[i].front() == '*'; };
  CronFields read;
  read.minutes = sets[0];
  read.hours = static_cast<std::uint32_t>(sets[1]);
  read.days = static_cast<std::uint32_t>(sets[2]);
  read.months = static_cast<std::uint32_t>(sets[3]);
  read.weekdays = static_cast<std::uint32_t>(sets[4]);
  read.fixed_time = !star(0) && !star(1);
  read.either_day = !star(2) && !star(4);
  if (!first_match(read, std::chrono::local_days(std::chrono::year(2000) / 1 / 1)))
    return CronError{"the field day-of-month of the cron text is " + cut_for_sentence(fields[2]) +
                     ": none of the months of the field month, " + cut_for_sentence(fields[3]) +
                     ", has such a day"};
  return read;
}

} // namespace

std::string cut_for_sentence(std::string_view text) {
  std::string shown(text.substr(0, max_shown_bytes));
  std::replace_if(
      shown.begin(), shown.end(), [](char byte) { return !printable(byte); }, '?');
  if (text.size() > max_shown_bytes)
    shown += "...";
  return shown;
}

std::variant<CronFields, CronError> read_cron_text(std::string_view text) {
  if (text.size() > max_text_bytes)
    return CronError{"the cron text has " + std::to_string(text.size()) +
                     " bytes: it can have at most " + std::to_string(max_text_bytes)};
  if (!std::all_of(text.begin(), text.end(),
                   [](char byte) { return printable(byte) || byte == '\t'; }))
    return CronError{"the cron text is " + cut_for_sentence(text) +
                     ": it has a line break, or a character that is not ASCII"};
  const auto fields = words(text);
  if (!fields.empty() && fields.front().front() == '@') {
    if (fields.size() == 1)
      for (const Nickname& nickname : nicknames)
        if (ascii_lower(fields.front()) == nickname.name)
          return read_fields(words(nickname.fields));
    if (ascii_lower(fields.front()) == "@reboot")
      return CronError{"the cron text is @reboot: a schedule has times only"};
    return CronError{"the cron text is " + cut_for_sentence(text) +
                     ": the names are @yearly, @annually, @monthly, @weekly, @daily, @midnight and "
                     "@hourly, alone"};
  }
  if (fields.size() == rules.size())
    return read_fields(fields);
  if (fields.size() == rules.size() + 1)
    return CronError{"the cron text has 6 fields: there are five, " + std::string(field_names) +
                     ", none for seconds"};
  return CronError{"the cron text has " + std::to_string(fields.size()) +
                   (fields.size() == 1 ? " field" : " fields") + ": there are five, " +
                   std::string(field_names)};
}

} // namespace kdq
