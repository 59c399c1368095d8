#include "poller/cron/cron_text.h"

#include <doctest/doctest.h>

#include <initializer_list>

using namespace kdq;

namespace {

CronFields read(const std::string& text) {
  const auto result = read_cron_text(text);
  if (const auto* error = std::get_if<CronError>(&result))
    FAIL(error->sentence);
  return std::get<CronFields>(result);
}

std::string refusal(std::string_view text) {
  const auto result = read_cron_text(text);
  const auto* error = std::get_if<CronError>(&result);
  return error ? error->sentence : "";
}

std::uint64_t set(std::initializer_list<unsigned> numbers) {
  std::uint64_t bits = 0;
  for (const unsigned number : numbers)
    bits |= std::uint64_t{1} << number;
  return bits;
}

std::uint64_t from_to(unsigned first, unsigned last) {
  std::uint64_t bits = 0;
  for (unsigned number = first; number <= last; ++number)
    bits |= std::uint64_t{1} << number;
  return bits;
}

} // namespace

TEST_CASE("a star is every number of the field") {
  const CronFields all = read("* * * * *");
  CHECK(all.minutes == from_to(0, 59));
  CHECK(all.hours == from_to(0, 23));
  CHECK(all.days == from_to(1, 31));
  CHECK(all.months == from_to(1, 12));
  CHECK(all.weekdays == from_to(0, 6));
}

TEST_CASE("numbers, lists, ranges and steps") {
  struct Row {
    const char* minute;
    std::uint64_t numbers;
  };
  const Row rows[] = {
      {"0", set({0})},
      {"59", set({59})},
      {"07", set({7})},
      {"1,2,40", set({1, 2, 40})},
      {"40,1,1", set({1, 40})},
      {"3-6", from_to(3, 6)},
      {"6-6", set({6})},
      {"3-6,9,50-52", set({3, 4, 5, 6, 9, 50, 51, 52})},
      {"*/15", set({0, 15, 30, 45})},
      {"*/1", from_to(0, 59)},
      {"*/40", set({0, 40})},
      {"*/60", set({0})},
      {"5-17/4", set({5, 9, 13, 17})},
      {"5-16/4", set({5, 9, 13})},
      {"10/20", set({10, 30, 50})},
      {"59/2", set({59})},
      {"57-2", set({57, 58, 59, 0, 1, 2})},
      {"50-10/10", set({50, 0, 10})},
      {"55-6/4", set({55, 59, 3})},
      {"*,3", from_to(0, 59)},
      {"1-3,*/30", set({1, 2, 3, 0, 30})},
  };
  for (const Row& row : rows) {
    CAPTURE(row.minute);
    CHECK(read(std::string(row.minute) + " * * * *").minutes == row.numbers);
  }
  CHECK(read("* 22-3 * * *").hours == set({22, 23, 0, 1, 2, 3}));
  CHECK(read("* 8/6 * * *").hours == set({8, 14, 20}));
  CHECK(read("* * */10 * *").days == set({1, 11, 21, 31}));
  CHECK(read("* * 29-2 * *").days == set({29, 30, 31, 1, 2}));
  CHECK(read("* * * */5 *").months == set({1, 6, 11}));
}

TEST_CASE("months and days of the week by name or number, Sunday by either of two numbers") {
  struct Row {
    const char* text;
    std::uint64_t numbers;
  };
  const Row months[] = {{"jan", set({1})},
                        {"DEC", set({12})},
                        {"Feb,mAR,9", set({2, 3, 9})},
                        {"APR-jun", from_to(4, 6)},
                        {"5-AUG", from_to(5, 8)},
                        {"NOV-FEB", set({11, 12, 1, 2})},
                        {"OCT-MAR/2", set({10, 12, 2})},
                        {"sep/2", set({9, 11})},
                        {"jul/1", from_to(7, 12)}};
  for (const Row& row : months) {
    CAPTURE(row.text);
    CHECK(read("0 0 1 " + std::string(row.text) + " *").months == row.numbers);
  }
  const Row weekdays[] = {{"0", set({0})},
                          {"7", set({0})},
                          {"SUN", set({0})},
                          {"sat", set({6})},
                          {"tue,Wed,THU", set({2, 3, 4})},
                          {"MON-FRI", from_to(1, 5)},
                          {"FRI-MON", set({5, 6, 0, 1})},
                          {"5-7", set({5, 6, 0})},
                          {"5-0", set({5, 6, 0})},
                          {"7-2", set({0, 1, 2})},
                          {"MON-SUN", from_to(0, 6)},
                          {"0-7", from_to(0, 6)},
                          {"SUN-7", from_to(0, 6)},
                          {"7-7", set({0})},
                          {"7-SUN", set({0})},
                          {"SAT-SAT", set({6})},
                          {"1-7/2", set({1, 3, 5, 0})},
                          {"FRI-MON/2", set({5, 0})},
                          {"1/2", set({1, 3, 5, 0})},
                          {"SUN/2", set({0, 2, 4, 6})},
                          {"7/2", set({0})},
                          {"*/2", set({0, 2, 4, 6})},
                          {"*/7", set({0})}};
  for (const Row& row : weekdays) {
    CAPTURE(row.text);
    CHECK(read("0 0 * * " + std::string(row.text)).weekdays == row.numbers);
  }
}

TEST_CASE("the stars at the beginning of fields say how days and changed clocks count") {
  struct Row {
    const char* text;
    bool either_day;
    bool fixed_time;
  };
  const Row rows[] = {
      {"0 0 1 * MON", true, true},      {"0 0 1 * *", false, true},
      {"0 0 * * MON", false, true},     {"0 0 */2 * MON", false, true},
      {"0 0 1 * */2", false, true},     {"0 0 *,1 * MON", false, true},
      {"0 0 1,* * MON", true, true},    {"0 0 1-31 * 0-6", true, true},
      {"* 0 * * *", false, false},      {"*/30 0 * * *", false, false},
      {"0 * * * *", false, false},      {"0 */2 * * *", false, false},
      {"0-59 0-23 * * *", false, true}, {"0,* 0 * * *", false, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(read(row.text).either_day == row.either_day);
    CHECK(read(row.text).fixed_time == row.fixed_time);
  }
}

TEST_CASE("nicknames stand for five fields") {
  struct Row {
    const char* name;
    const char* fields;
  };
  const Row rows[] = {
      {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
      {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
      {"@hourly", "0 * * * *"}, {"@Daily", "0 0 * * *"},    {" @daily\t", "0 0 * * *"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(read(row.name) == read(row.fields));
  }
}

TEST_CASE("blanks and tabs may be many, and anywhere between the fields") {
  const CronFields expected = read("5 4 3 2 1");
  for (const char* const text :
       {" 5 4 3 2 1", "5 4 3 2 1 ", "5  4\t3 \t 2\t\t1", "\t5 4 3 2 1\t "}) {
    CAPTURE(text);
    CHECK(read(text) == expected);
  }
}

TEST_CASE("what is wrong is refused with a sentence that says where and why") {
  struct Row {
    const char* text;
    const char* sentence;
  };
  const Row rows[] = {
      {"",
       "the cron text has 0 fields: there are five, minute hour day-of-month month day-of-week"},
      {"  \t ",
       "the cron text has 0 fields: there are five, minute hour day-of-month month day-of-week"},
      {"5",
       "the cron text has 1 field: there are five, minute hour day-of-month month day-of-week"},
      {"* * * *",
       "the cron text has 4 fields: there are five, minute hour day-of-month month day-of-week"},
      {"0 * * * * *", "the cron text has 6 fields: there are five, minute hour day-of-month month "
                      "day-of-week, none for seconds"},
      {"0 0 * * * 2026 x",
       "the cron text has 7 fields: there are five, minute hour day-of-month month day-of-week"},

      {"60 * * * *", "the field minute of the cron text is 60: minutes go from 0 to 59"},
      {"* 25 * * *", "the field hour of the cron text is 25: hours go from 0 to 23"},
      {"* 24 * * *", "the field hour of the cron text is 24: hours go from 0 to 23"},
      {"* * 0 * *",
       "the field day-of-month of the cron text is 0: days of the month go from 1 to 31"},
      {"* * 32 * *",
       "the field day-of-month of the cron text is 32: days of the month go from 1 to 31"},
      {"* * * 0 *",
       "the field month of the cron text is 0: months go from 1 to 12, or from JAN to DEC"},
      {"* * * 13 *",
       "the field month of the cron text is 13: months go from 1 to 12, or from JAN to DEC"},
      {"* * * * 8", "the field day-of-week of the cron text is 8: days of the week go from 0 to 7, "
                    "or from SUN to SAT"},
      {"1,2,99 * * * *", "the field minute of the cron text has 99: minutes go from 0 to 59"},
      {"1-60 * * * *", "the field minute of the cron text has 60: minutes go from 0 to 59"},
      {"* 25-26/2 * * *", "the field hour of the cron text has 25: hours go from 0 to 23"},
      {"99999999999999999999 * * * *",
       "the field minute of the cron text is 99999999999999999999: minutes go from 0 to 59"},

      {"x * * * *", "the field minute of the cron text is x: minutes go from 0 to 59"},
      {"MON * * * *", "the field minute of the cron text is MON: minutes go from 0 to 59"},
      {"* * * MON *",
       "the field month of the cron text is MON: months go from 1 to 12, or from JAN to DEC"},
      {"* * * * MONDAY", "the field day-of-week of the cron text is MONDAY: days of the week go "
                         "from 0 to 7, or from SUN to SAT"},
      {"* * * * unm", "the field day-of-week of the cron text is unm: days of the week go from 0 "
                      "to 7, or from SUN to SAT"}, // letters of two names
      {"-5 * * * *", "the field minute of the cron text is -5: minutes go from 0 to 59"},
      {"+5 * * * *", "the field minute of the cron text is +5: minutes go from 0 to 59"},
      {"1.5 * * * *", "the field minute of the cron text is 1.5: minutes go from 0 to 59"},
      {"0x5 * * * *", "the field minute of the cron text is 0x5: minutes go from 0 to 59"},
      {"5- * * * *", "the field minute of the cron text is 5-: minutes go from 0 to 59"},
      {"1-2-3 * * * *", "the field minute of the cron text has 2-3: minutes go from 0 to 59"},
      {"*-5 * * * *", "the field minute of the cron text is *-5: minutes go from 0 to 59"},
      {"*5 * * * *", "the field minute of the cron text is *5: minutes go from 0 to 59"},
      {"/5 * * * *", "the field minute of the cron text is /5: minutes go from 0 to 59"},
      {"1;2 * * * *", "the field minute of the cron text is 1;2: minutes go from 0 to 59"},
      {"1,,2 * * * *",
       "the field minute of the cron text is 1,,2: something is missing beside a comma"},
      {", * * * *", "the field minute of the cron text is ,: something is missing beside a comma"},
      {"1, * * * *",
       "the field minute of the cron text is 1,: something is missing beside a comma"},

      {"*/0 * * * *", "the field minute of the cron text is */0: a step is a number from 1 to 60"},
      {"*/61 * * * *",
       "the field minute of the cron text is */61: a step is a number from 1 to 60"},
      {"1-9/0,5 * * * *",
       "the field minute of the cron text has 1-9/0: a step is a number from 1 to 60"},
      {"* */25 * * *", "the field hour of the cron text is */25: a step is a number from 1 to 24"},
      {"* * * * */8",
       "the field day-of-week of the cron text is */8: a step is a number from 1 to 7"},
      {"*/ * * * *", "the field minute of the cron text is */: a step is a number from 1 to 60"},
      {"*/-1 * * * *",
       "the field minute of the cron text is */-1: a step is a number from 1 to 60"},
      {"*/2/3 * * * *",
       "the field minute of the cron text is */2/3: a step is a number from 1 to 60"},
      {"*/99999999999999999999 * * * *", "the field minute of the cron text is "
                                         "*/99999999999999999999: a step is a number from 1 to 60"},

      {"0 0 L * *", "the field day-of-month of the cron text is L: the signs L, W, # and ? of "
                    "other programs mean nothing here"},
      {"0 0 L-3 * *", "the field day-of-month of the cron text has L: the signs L, W, # and ? of "
                      "other programs mean nothing here"},
      {"0 0 LW * *", "the field day-of-month of the cron text is LW: the signs L, W, # and ? of "
                     "other programs mean nothing here"},
      {"0 0 1,15W * *", "the field day-of-month of the cron text has 15W: the signs L, W, # and ? "
                        "of other programs mean nothing here"},
      {"0 0 ? * MON", "the field day-of-month of the cron text is ?: the signs L, W, # and ? of "
                      "other programs mean nothing here"},
      {"0 0 * * 5#2", "the field day-of-week of the cron text is 5#2: the signs L, W, # and ? of "
                      "other programs mean nothing here"},
      {"0 0 * * FRI#2", "the field day-of-week of the cron text is FRI#2: the signs L, W, # and ? "
                        "of other programs mean nothing here"},
      {"0 0 * * friL", "the field day-of-week of the cron text is friL: the signs L, W, # and ? of "
                       "other programs mean nothing here"},
      {"0 0 * * 5l", "the field day-of-week of the cron text is 5l: the signs L, W, # and ? of "
                     "other programs mean nothing here"},

      {"@reboot", "the cron text is @reboot: a schedule has times only"},
      {"@every 5m", "the cron text is @every 5m: the names are @yearly, @annually, @monthly, "
                    "@weekly, @daily, @midnight and @hourly, alone"},
      {"@daily *", "the cron text is @daily *: the names are @yearly, @annually, @monthly, "
                   "@weekly, @daily, @midnight and @hourly, alone"},
      {"@", "the cron text is @: the names are @yearly, @annually, @monthly, @weekly, @daily, "
            "@midnight and @hourly, alone"},

      {"0 0 30 2 *", "the field day-of-month of the cron text is 30: none of the months of the "
                     "field month, 2, has such a day"},
      {"0 0 31 4,jun,9-9,NOV *", "the field day-of-month of the cron text is 31: none of the "
                                 "months of the field month, 4,jun,9-9,NOV, has such a day"},
      {"0 0 30,31 FEB */2", "the field day-of-month of the cron text is 30,31: none of the months "
                            "of the field month, FEB, has such a day"},

      {"0 0 * *\n*", "the cron text is 0 0 * *?*: it has a line break, or a character that is not "
                     "ASCII"},
      {"0 0 * * *\n", "the cron text is 0 0 * * *?: it has a line break, or a character that is "
                      "not ASCII"},
      {"0 0 * * \xE5\x91\xA8", "the cron text is 0 0 * * ???: it has a line break, or a character "
                               "that is not ASCII"},
      {"\xFF", "the cron text is ?: it has a line break, or a character that is not ASCII"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(refusal(row.text) == row.sentence);
  }
}

TEST_CASE("29 February, and a day of the week in a month without the day, are times") {
  for (const char* const text : {"0 0 29 2 *", "0 0 29 2 */7", "0 0 30 2 MON", "0 0 31 * *"}) {
    CAPTURE(text);
    CHECK(refusal(text).empty());
  }
}

TEST_CASE("a long text is read up to a limit, and a sentence stays short") {
  std::string minutes = "0";
  for (int minute = 1; minute < 60; ++minute)
    minutes += "," + std::to_string(minute);
  CHECK(read(minutes + " * * * *").minutes == from_to(0, 59));
  CHECK(refusal("* * * * *" + std::string(991, ' ')).empty());
  CHECK(refusal("* * * * *" + std::string(992, ' ')) ==
        "the cron text has 1001 bytes: it can have at most 1000");
  CHECK(refusal(std::string(10'000'000, '*')) ==
        "the cron text has 10000000 bytes: it can have at most 1000");
  CHECK(refusal(std::string(100, 'x') + " * * * *") == "the field minute of the cron text is " +
                                                           std::string(40, 'x') +
                                                           "...: minutes go from 0 to 59");
  CHECK(refusal(std::string("* * * * *\0", 10)) ==
        "the cron text is * * * * *?: it has a line break, or a character that is not ASCII");
}
