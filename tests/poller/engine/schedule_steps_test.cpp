// Which times have a job: decisions without a database.
#include "poller/engine/schedule_steps.h"

#include <doctest/doctest.h>

#include <set>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

WallTime at(const char* text) {
  return *parse_time(text);
}

Schedule schedule_of(const std::string& cron, Missed missed = Missed::once) {
  Schedule schedule;
  schedule.name = "s";
  schedule.cron = cron;
  schedule.timezone = "UTC";
  schedule.missed = missed;
  schedule.catch_up = 24h;
  return schedule;
}

ScheduleTimes times_of(const Schedule& schedule) {
  auto times = read_times(schedule);
  REQUIRE(std::holds_alternative<ScheduleTimes>(times));
  return std::get<ScheduleTimes>(times);
}

std::string refusal(const Schedule& schedule) {
  const auto times = read_times(schedule);
  const auto* error = std::get_if<std::string>(&times);
  return error ? *error : "";
}

/// All steps that are possible now.
struct Walk {
  std::vector<std::string> runs;
  std::int64_t skipped = 0;
  std::optional<WallTime> next;
  std::size_t steps = 0;
};

Walk walk(Schedule schedule, const char* cursor, const char* now, std::size_t most = 2000,
          std::optional<WallTime> restored_at = std::nullopt) {
  Walk found;
  const ScheduleTimes times = times_of(schedule);
  found.next = at(cursor);
  while (found.next && *found.next <= at(now)) {
    schedule.next_at = found.next;
    const ScheduleStep step = next_step(times, schedule, restored_at, at(now), most);
    REQUIRE((step.run || step.skipped > 0)); // it gets on
    CHECK(step.reckoned <= most + 101);
    if (step.run)
      found.runs.push_back(to_text(*step.run).substr(0, 16));
    found.skipped += step.skipped;
    found.next = step.next;
    ++found.steps;
  }
  return found;
}

} // namespace

TEST_CASE("a time that is looked at within a minute has a job, whatever is missed") {
  for (const Missed missed : {Missed::once, Missed::skip, Missed::all}) {
    for (const char* now : {"2026-03-02 09:00:00", "2026-03-02 09:01:00"}) {
      const Walk found = walk(schedule_of("0 * * * *", missed), "2026-03-02 09:00:00", now);
      CHECK(found.runs == std::vector<std::string>{"2026-03-02 09:00"});
      CHECK(found.skipped == 0);
      CHECK(found.next == at("2026-03-02 10:00:00"));
    }
  }
}

TEST_CASE("missed times: the last one, none, or all of them, as far back as catch_up reaches") {
  struct Row {
    Missed missed;
    const char* now;
    std::vector<std::string> runs;
    std::int64_t skipped;
  };
  const Row rows[] = {
      {Missed::once, "2026-03-02 12:30:00", {"2026-03-02 12:00"}, 3},
      {Missed::skip, "2026-03-02 12:30:00", {}, 4},
      {Missed::all,
       "2026-03-02 12:30:00",
       {"2026-03-02 09:00", "2026-03-02 10:00", "2026-03-02 11:00", "2026-03-02 12:00"},
       0},
      // The last one is not missed: it comes on top of the one that is made up for.
      {Missed::once, "2026-03-02 12:00:30", {"2026-03-02 11:00", "2026-03-02 12:00"}, 2},
      {Missed::skip, "2026-03-02 12:00:30", {"2026-03-02 12:00"}, 3},
      {Missed::once, "2026-03-02 09:01:00.001", {"2026-03-02 09:00"}, 0},
      {Missed::skip, "2026-03-02 09:01:00.001", {}, 1},
      {Missed::once, "2026-03-02 08:59:59.999", {}, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.now);
    const Walk found = walk(schedule_of("0 * * * *", row.missed), "2026-03-02 09:00:00", row.now);
    CHECK(found.runs == row.runs);
    CHECK(found.skipped == row.skipped);
  }
  Schedule schedule = schedule_of("0 * * * *", Missed::all);
  schedule.catch_up = 90min;
  Walk found = walk(schedule, "2026-03-02 09:00:00", "2026-03-02 12:30:00");
  CHECK(found.runs == std::vector<std::string>{"2026-03-02 11:00", "2026-03-02 12:00"});
  CHECK(found.skipped == 2);
  schedule.missed = Missed::once;
  schedule.catch_up = 29min;
  CHECK(walk(schedule, "2026-03-02 09:00:00", "2026-03-02 12:30:00").skipped == 4);
  schedule.catch_up = 0min; // what is in time is not missed
  found = walk(schedule, "2026-03-02 09:00:00", "2026-03-02 09:00:59");
  CHECK(found.runs.size() == 1);
}

TEST_CASE("of all missed times the last hundred have a job, in steps of bounded work") {
  for (const std::size_t most : {1U, 7U, 150U, 2000U}) {
    CAPTURE(most);
    const Walk found = walk(schedule_of("* * * * *", Missed::all), "2026-03-02 00:00:00",
                            "2026-03-02 20:00:30", most);
    REQUIRE(found.runs.size() == 101); // and the one that is not missed
    CHECK(found.runs.front() == "2026-03-02 18:20");
    CHECK(found.runs.back() == "2026-03-02 20:00");
    CHECK(found.skipped == 20 * 60 + 1 - 101);
  }
  const Walk years = walk(schedule_of("* * * * *"), "2023-03-02 00:00:00", "2026-03-02 00:30:30");
  CHECK(years.runs == std::vector<std::string>{"2026-03-02 00:29", "2026-03-02 00:30"});
  CHECK(years.skipped == (3 * 365 + 1) * 24 * 60 + 31 - 2);
  CHECK(years.steps < 900);
}

TEST_CASE("what the queue may have run before it was restored has no job") {
  const auto restored = at("2026-03-02 11:30:00");
  Walk found = walk(schedule_of("0 * * * *", Missed::all), "2026-03-02 09:00:00",
                    "2026-03-02 12:30:00", 2000, restored);
  CHECK(found.runs == std::vector<std::string>{"2026-03-02 12:00"});
  CHECK(found.skipped == 3);
  // By a clock that was wrong then.
  found = walk(schedule_of("0 * * * *", Missed::all), "2026-03-02 09:00:00", "2026-03-02 12:30:00",
               2000, at("2030-01-01 00:00:00"));
  CHECK(found.runs.size() == 4);
}

TEST_CASE(
    "the first time is after now and the last job's, not before starts_at, nor after ends_at") {
  Schedule schedule = schedule_of("0 9 * * *");
  const auto first = [&](const char* now) {
    return first_time(times_of(schedule), schedule, at(now));
  };
  CHECK(first("2026-03-02 08:59:59.999") == at("2026-03-02 09:00:00"));
  CHECK(first("2026-03-02 09:00:00") == at("2026-03-03 09:00:00"));
  schedule.last_at = at("2026-03-05 09:00:00"); // the clock was set back since
  CHECK(first("2026-03-02 08:00:00") == at("2026-03-06 09:00:00"));
  schedule.starts_at = "2026-03-10 09:00:00";
  CHECK(first("2026-03-02 08:00:00") == at("2026-03-10 09:00:00"));
  schedule.starts_at = "2026-03-10 09:00:00.001";
  CHECK(first("2026-03-02 08:00:00") == at("2026-03-11 09:00:00"));
  schedule.ends_at = "2026-03-11 09:00:00";
  CHECK(first("2026-03-02 08:00:00") == at("2026-03-11 09:00:00"));
  CHECK(!first("2026-03-11 09:00:00"));
  schedule.ends_at = "2026-03-11 08:59:59";
  CHECK(!first("2026-03-02 08:00:00"));
}

TEST_CASE("five times are known ahead, or those that come before ends_at") {
  Schedule schedule = schedule_of("30 1 * * *");
  schedule.timezone = "Europe/Berlin";
  schedule.cron = "30 2 * * *";
  const auto times = [&] {
    return times_from(times_of(schedule),
                      first_time(times_of(schedule), schedule, at("2026-03-27 12:00:00")));
  };
  // On the 29th the clocks go from 2:00 to 3:00: it runs right after the gap.
  CHECK(times() == std::vector<WallTime>{at("2026-03-28 01:30:00"), at("2026-03-29 01:00:00"),
                                         at("2026-03-30 00:30:00"), at("2026-03-31 00:30:00"),
                                         at("2026-04-01 00:30:00")});
  schedule.ends_at = "2026-03-30 00:00:00";
  CHECK(times().size() == 2);
  CHECK(times_from(times_of(schedule), std::nullopt).empty());
  const Walk found = walk(schedule, "2026-03-28 01:30:00", "2026-05-01 00:00:00");
  CHECK(found.skipped == 2); // catch_up is a day
  CHECK(!found.next);
}

TEST_CASE("a text that cannot be read is told with its column") {
  Schedule schedule = schedule_of("0 25 * * *");
  CHECK(refusal(schedule).find("the field hour of the cron text") == 0);
  schedule.cron = "0 5 * * *";
  schedule.timezone = "Europe/Belrin";
  CHECK(refusal(schedule).find("this system has no time zone \"Europe/Belrin\"") == 0);
  schedule.timezone = "Europe/Berlin";
  schedule.starts_at = "soon";
  CHECK(refusal(schedule) == "starts_at is no UTC time such as '2026-01-31 09:00:00'");
  schedule.starts_at = "";
  schedule.ends_at = "2026-02-30 09:00:00";
  CHECK(refusal(schedule) == "ends_at is no UTC time such as '2026-01-31 09:00:00'");
}

TEST_CASE("jitter is spread over its span, and the same for the same name and time") {
  std::set<std::int64_t> seen;
  const auto noon = at("2026-03-02 12:00:00");
  for (int minute = 0; minute < 1000; ++minute) {
    const auto jitter = jitter_of("a", noon + std::chrono::minutes(minute), 60s);
    CHECK(jitter >= 0s);
    CHECK(jitter < 60s);
    CHECK(jitter == jitter_of("a", noon + std::chrono::minutes(minute), 60s));
    seen.insert(jitter.count());
  }
  CHECK(seen.size() == 60);
  std::set<std::int64_t> names;
  for (int i = 0; i < 1000; ++i)
    names.insert(jitter_of("n" + std::to_string(i), noon, 3600s).count());
  CHECK(names.size() > 800);
  CHECK(jitter_of("a", noon, 0s) == 0s);
  CHECK(jitter_of("a", noon, 86'400s) == 41'513s); // also of the next version
}
