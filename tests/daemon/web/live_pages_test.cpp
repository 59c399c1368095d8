#include "daemon/web/live_pages.h"
#include "tests/daemon/web/web_fixture.h"
#include "tests/support/fake_clock.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <vector>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;
using namespace std::chrono_literals;

namespace {

struct Event {
  std::string part;
  std::string html;
  bool grows = false;
};

/// What page.js would read.
std::vector<Event> events_in(std::string_view text) {
  constexpr std::string_view data = "data: ";
  std::vector<Event> events;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(data))
      continue;
    const auto event = nlohmann::json::parse(line.substr(data.size()));
    events.push_back({event.at("id"), event.at("html"), event.at("grows")});
  }
  return events;
}

struct LiveFixture : PageFixture {
  FakeClock clock;
  Changes changes;
  ReaderPool readers{file};
  LivePages pages{readers, changes, clock};

  std::int64_t running_job() {
    const auto job = user.enqueue("f", "1", "name");
    go(job, {"submitting", "running"});
    return job;
  }
  void log(std::int64_t job, int seq, const std::string& message) {
    user.exec("INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at) VALUES (" +
              std::to_string(job) + ", 1, " + std::to_string(seq) + ", 'info', '[]', '" + message +
              "', '2026-01-01 00:00:00.000')");
  }
  /// The text of what grows in what comes next.
  static std::string grown(const std::string& events) {
    std::string all;
    for (const Event& event : events_in(events))
      if (event.grows)
        all += event.html;
    return all;
  }
};

} // namespace

TEST_CASE_FIXTURE(LiveFixture, "what has changed is sent, and nothing else") {
  const auto follower = pages.follow(visit("/"));
  REQUIRE(follower);
  const auto first = follower->next();
  REQUIRE(first);
  CHECK(events_in(*first).size() == page("/").parts.size());

  changes.notice(); // of what this page does not show
  CHECK(follower->next() == "");

  user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', '1')");
  changes.notice();
  const auto second = follower->next();
  REQUIRE(second);
  const auto events = events_in(*second);
  CHECK(events.size() >= 1);
  for (const Event& event : events) {
    bool is_there = false;
    for (const Part& part : page("/").parts)
      is_there = is_there || (part.id == event.part && part.content.text() == event.html);
    CHECK_MESSAGE(is_there, event.part);
  }
}

TEST_CASE_FIXTURE(LiveFixture, "a log goes on behind what is shown") {
  const auto job = running_job();
  log(job, 1, "line-one");
  Visit visit = LiveFixture::visit("/jobs/" + std::to_string(job));
  visit.place = page(visit.path).place;
  const auto follower = pages.follow(visit);
  CHECK(grown(*follower->next()) == "");

  log(job, 2, "line-two");
  changes.notice();
  const std::string second = *follower->next();
  CHECK(contains(grown(second), "line-two"));
  CHECK_FALSE(contains(grown(second), "line-one"));
  const std::size_t place = second.find("id: ");
  REQUIRE(place != std::string::npos);

  SUBCASE("also for one whose connection was lost") {
    log(job, 3, "line-three");
    changes.notice();
    visit.place = second.substr(place + 4, second.find('\n', place) - place - 4); // Last-Event-ID
    const std::string again = grown(*pages.follow(visit)->next());
    CHECK(contains(again, "line-three"));
    CHECK_FALSE(contains(again, "line-two"));
  }
  SUBCASE("also if more comes at once than one event has, with one change") {
    user.exec("BEGIN");
    for (int seq = 3; seq <= 3000; ++seq)
      log(job, seq, "line-" + std::to_string(seq) + "-");
    user.exec("COMMIT");
    changes.notice();
    std::string all;
    for (int i = 0; i < 40 && !contains(all, "line-3000-"); ++i)
      all += grown(*follower->next());
    CHECK(contains(all, "line-3-"));
    CHECK(contains(all, "line-1500-"));
    CHECK(contains(all, "line-3000-"));
  }
}

TEST_CASE_FIXTURE(LiveFixture, "a page is made once for all who look at it, within limits") {
  Visit first = visit("/jobs");
  Visit second = first;
  bool shared = false;
  SUBCASE("by those who may not act, whoever they are") {
    first.may_act = second.may_act = false;
    second.form_token = "another";
    shared = true;
  }
  SUBCASE("by those who may act, each with a form of theirs") {
    second.form_token = "another";
  }
  SUBCASE("not what somebody has invented") {
    first.query["invented"] = second.query["invented"] = std::string(600, 'x');
  }
  SUBCASE("not what is behind a place") {
    first.place = second.place = "1.1";
  }
  CHECK(pages.follow(first)->next());
  user.enqueue("new-file", "1", "new-name");
  CHECK(contains(*pages.follow(second)->next(), "new-name") == !shared);
}

TEST_CASE_FIXTURE(LiveFixture, "pages that are kept have a limit together") {
  user.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT "
            "INTO jobs(file_token, script, script_name) SELECT 'f', 'x', replace(printf('%.200c', "
            "'n'), 'n', char(34)) "
            "FROM n");
  std::size_t sent = 0;
  for (int i = 0; i < 60 && sent < (3u << 20); ++i)
    sent += pages.follow(visit("/jobs?invented=" + std::to_string(i)))->next()->size();
  REQUIRE(sent > (2u << 20));
  user.enqueue("new-file", "1", "new-name");
  CHECK_FALSE(contains(*pages.follow(visit("/jobs?invented=0"))->next(), "new-name"));
  CHECK(contains(*pages.follow(visit("/jobs?invented=new"))->next(), "new-name"));
  user.enqueue("new-file", "1", "newer-name");
  CHECK(contains(*pages.follow(visit("/jobs?invented=new"))->next(), "newer-name"));
}

TEST_CASE_FIXTURE(LiveFixture, "a place that would be a line of its own is none") {
  const auto job = running_job();
  Visit visit = LiveFixture::visit("/jobs/" + std::to_string(job));
  visit.place = "1.1\ndata: {\"id\":\"head\",\"html\":\"planted\"}";
  const std::string events = *pages.follow(visit)->next();
  CHECK_FALSE(contains(events, "planted"));
}

TEST_CASE_FIXTURE(LiveFixture, "who waits for nothing hears so now and then") {
  const auto follower = pages.follow(visit("/"));
  CHECK(follower->next());
  changes.notice();
  CHECK(follower->next() == "");
  clock.advance(11s);
  changes.notice();
  const auto later = follower->next();
  REQUIRE(later);
  CHECK(!later->empty()); // a comment, or an age that has changed
}

TEST_CASE_FIXTURE(LiveFixture, "a database that cannot be read for a while ends nothing") {
  const auto follower = pages.follow(visit("/"));
  CHECK(follower->next());
  const auto aside = dir / "aside";
  std::filesystem::rename(file, aside);
  changes.notice();
  const auto meanwhile = follower->next();
  REQUIRE(meanwhile);
  CHECK(events_in(*meanwhile).empty());
  std::filesystem::rename(aside, file);
  user.exec("INSERT INTO jobs(file_token, script) VALUES ('f', '1')");
  changes.notice();
  CHECK(!events_in(*follower->next()).empty());
}

TEST_CASE_FIXTURE(LiveFixture, "as many look as may, and the end ends all") {
  std::vector<std::shared_ptr<LivePages::Follower>> followers;
  while (const auto follower = pages.follow(visit("/")))
    followers.push_back(follower);
  CHECK(followers.size() == 100);
  followers.pop_back();
  const auto last = pages.follow(visit("/"));
  REQUIRE(last);
  changes.end();
  CHECK_FALSE(last->next());
  CHECK_FALSE(followers.front()->next());
}
