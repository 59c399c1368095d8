// Access tokens that end: renewed in time, once a refused one, and by a person where nothing else
// helps. No job pays for it.
#include "poller/api/kdocs_tokens.h"
#include "tests/support/engine_world.h"

#include <doctest/doctest.h>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

EngineSettings with_login() {
  EngineSettings settings = one_app();
  settings.apps["default"].app_id = "AK1";
  settings.apps["default"].login = "kdocs-queued login --app default";
  return settings;
}

/// An app whose owner has just consented.
struct Fixture {
  Fixture() {
    world.kdocs.oauth.emplace();
    consent();
  }

  void consent() { world.tokens.current = oauth().consent(world.clock.wall()); }
  FakeOauth& oauth() { return *world.kdocs.oauth; }
  TokenGrant& grant() { return std::get<TokenGrant>(world.tokens.current); }
  std::int64_t enqueue(const std::string& file = "f") {
    return world.user->enqueue(file, two_seconds, "n");
  }
  bool succeeds(std::int64_t job) {
    return world.run_until([&] { return world.state(job) == "succeeded"; });
  }
  std::string app(const std::string& column) {
    return world.user->text("SELECT coalesce(" + column + ", '') FROM apps");
  }
  std::string health() {
    return world.user->text("SELECT coalesce(group_concat(message, '; '), '') FROM health");
  }
  bool says(const std::string& text, const std::string& part) {
    CAPTURE(text);
    return text.find(part) != std::string::npos;
  }
  std::int64_t attempts() {
    return world.user->number("SELECT coalesce(sum(attempt), 0) FROM jobs");
  }

  EngineWorld world{with_login()};
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a token is renewed before it ends, also while nothing is to be done") {
  world.run_for(21h);
  CHECK(oauth().renewals == 0);
  world.run_for(1h + 1min);
  CHECK(oauth().renewals == 1);
  world.run_for(10 * 24h);
  CHECK(oauth().renewals >= 11); // each 21.5 to 22 hours after the one before
  CHECK(oauth().renewals <= 12);
  REQUIRE(succeeds(enqueue()));
  CHECK(oauth().with_ended_token == 0);
  CHECK(health().empty());
}

TEST_CASE_FIXTURE(Fixture, "tokens that live for seconds are renewed under load, no job notices") {
  oauth().life = 20s;
  consent();
  for (int i = 0; i < 200; ++i)
    enqueue("f" + std::to_string(i % 3));
  REQUIRE(world.run_until_idle());
  CHECK(world.user->number("SELECT count(*) FROM jobs WHERE state = 'succeeded'") == 200);
  CHECK(oauth().renewals >= 5);
  CHECK(oauth().with_ended_token == 0);
  CHECK(attempts() == 200);
}

TEST_CASE_FIXTURE(Fixture, "a refresh token that stays is used again, one that rotates is not") {
  for (const bool rotates : {false, true}) {
    CAPTURE(rotates);
    oauth().rotates = rotates;
    const std::string before = grant().refresh_token;
    const std::size_t renewals = oauth().renewals;
    world.run_for(3 * 24h);
    CHECK(oauth().renewals >= renewals + 3);
    CHECK((grant().refresh_token == before) == !rotates);
  }
  CHECK(oauth().refused == 0);
}

TEST_CASE_FIXTURE(Fixture, "a refused token is renewed once, and its requests go on") {
  oauth().end_access_tokens(); // the service's clock, or a password that was changed
  const auto job = enqueue();
  REQUIRE(succeeds(job));
  CHECK(oauth().renewals == 1);
  CHECK(oauth().with_ended_token == 1);
  CHECK(attempts() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a fresh token that is refused as well is no reason to renew at once") {
  world.kdocs.faults = [](Endpoint, std::size_t) { return Fault{Fault::Kind::code, 30001}; };
  const auto job = enqueue();
  world.run_for(9min);
  CHECK(oauth().renewals == 1);
  CHECK(says(app("reason"), "KDocs refuses the access token, although it was just renewed"));
  CHECK(says(app("reason"), "kdocs-queued login --app default"));
  CHECK(app("state") == "blocked");
  world.run_for(5min);
  CHECK(oauth().renewals == 2);
  world.kdocs.faults = {};
  REQUIRE(succeeds(job));
  CHECK(attempts() == 1);
}

TEST_CASE_FIXTURE(Fixture, "renewals that fail are tried until one works, the old token lives on") {
  oauth().life = 2h; // renewed when 24 minutes are left, and up to 6 more
  consent();
  const SteadyTime begin = world.clock.steady();
  world.kdocs.renewal_faults = [&](std::size_t n) {
    const Fault faults[] = {{Fault::Kind::not_sent},
                            {Fault::Kind::drop_before},
                            {Fault::Kind::http_status, 502},
                            {Fault::Kind::garbage}, // with rotation this loses the consent
                            {Fault::Kind::code, 30002, 100s}};
    return world.clock.steady() - begin < 100min ? faults[n % 5] : Fault{};
  };
  oauth().rotates = false;
  world.run_for(99min);
  CHECK(says(health(), "the access token cannot be renewed now ("));
  CHECK(app("state") == "ready");
  REQUIRE(succeeds(enqueue()));
  world.run_for(5min);
  CHECK(health().empty());
  CHECK(oauth().with_ended_token == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "a renewal that is down for two lives: nothing is sent, nothing is lost") {
  oauth().life = 2h; // enough failures for the longest wait between two
  consent();
  world.kdocs.renewal_faults = [](std::size_t) { return Fault{Fault::Kind::http_status, 503}; };
  world.run_for(2h);
  const auto job = enqueue();
  const auto received = world.kdocs.received(Endpoint::submit);
  world.run_for(2h);
  CHECK(world.kdocs.received(Endpoint::submit) == received);
  CHECK(app("state") == "waiting");
  CHECK(says(world.user->text("SELECT reason FROM waiting"), "cannot be renewed now (HTTP 503"));
  world.kdocs.renewal_faults = {};
  REQUIRE(succeeds(job));
  CHECK(attempts() == 1);
  CHECK(oauth().with_ended_token == 0);
}

TEST_CASE_FIXTURE(Fixture, "a lost reply: the same refresh token again; if it is void, a person") {
  bool rotates = true;
  SUBCASE("a token that rotates") {}
  SUBCASE("a token that stays") {
    rotates = false;
  }
  oauth().rotates = rotates;
  world.kdocs.renewal_faults = [](std::size_t n) {
    return n == 0 ? Fault{Fault::Kind::drop_after} : Fault{};
  };
  world.run_for(22h + 20min);
  if (!rotates) {
    CHECK(oauth().refused == 0);
    CHECK(health().empty());
    return;
  }
  CHECK(oauth().refused == 1);
  CHECK(says(health(), "KDocs refuses to renew the access token (AccessTokenInvalid (code 20007)"));
  CHECK(says(health(), "a person has to consent anew: kdocs-queued login --app default"));
  CHECK(app("state") == "ready"); // for some more time
  world.run_for(100min);
  const auto job = enqueue();
  world.run_for(1h);
  CHECK(app("state") == "blocked");
  CHECK(world.state(job) == "queued");
  consent(); // a new login while it runs
  REQUIRE(succeeds(job));
  CHECK(health().empty());
  CHECK(attempts() == 1);
}

TEST_CASE_FIXTURE(Fixture, "what cannot be stored is not used, and not asked for again") {
  world.tokens.full = true;
  world.run_for(23h);
  CHECK(oauth().renewals == 1);
  CHECK(says(health(), "the renewed access token cannot be stored"));
  const std::string old_token = grant().access_token;
  REQUIRE(succeeds(enqueue()));
  CHECK(grant().access_token == old_token);
  world.tokens.full = false;
  world.run_for(1min);
  CHECK(grant().access_token != old_token);
  CHECK(oauth().renewals == 1);
  CHECK(health().empty());
}

TEST_CASE_FIXTURE(Fixture, "killed between the reply and the store: a person has to consent") {
  world.tokens.full = true;
  world.run_for(23h);
  world.kill();
  world.tokens.full = false;
  world.start();
  world.run_for(2h);
  CHECK(oauth().refused >= 1);
  CHECK(says(health(), "a person has to consent anew"));
  const auto job = enqueue();
  consent();
  REQUIRE(succeeds(job));
}

TEST_CASE_FIXTURE(Fixture, "an orderly stop takes a renewal to its end") {
  world.run_until([&] { return world.engine->in_flight() == 1; }, 24h);
  REQUIRE(world.engine->in_flight() == 1);
  const std::string old_token = grant().access_token;
  world.engine->stop();
  REQUIRE(world.run_until([&] { return world.engine->in_flight() == 0; }));
  world.engine->finish();
  CHECK(grant().access_token != old_token);
}

TEST_CASE_FIXTURE(Fixture, "without the app's key a renewal waits for it") {
  world.tokens.key = TokenProblem{"the app key file is missing"};
  world.run_for(23h);
  CHECK(oauth().renewals == 0);
  CHECK(says(health(), "the app key file is missing"));
  world.tokens.key = std::string("app-secret");
  world.run_for(2min);
  CHECK(oauth().renewals == 1);
  CHECK(health().empty());
}

TEST_CASE_FIXTURE(Fixture,
                  "apps says until when, and health when the consent is to be given anew") {
  world.run_for(1min);
  CHECK(app("token_expires_at") == to_text(*grant().expires_at));
  const WallTime ends = *grant().consented_at + kdocs_api::consent_life;
  CHECK(app("consent_ends_at") == to_text(ends));
  CHECK(app("login") == "kdocs-queued login --app default");
  // The view asks SQLite what time it is.
  world.user->exec("UPDATE apps SET consent_ends_at = datetime('now', '+16 days')");
  CHECK(health().empty());
  world.user->exec("UPDATE apps SET consent_ends_at = datetime('now', '+14 days')");
  CHECK(says(health(), "a person's consent ends on 20"));
  CHECK(says(health(), "to give it anew: kdocs-queued login --app default"));
  world.user->exec("UPDATE apps SET consent_ends_at = datetime('now', '-1 days')");
  CHECK(says(health(), "a person's consent has ended on 20"));
}

TEST_CASE_FIXTURE(Fixture, "from day 75 on each renewal says when the consent ends") {
  grant().consented_at = world.clock.wall() - 74 * 24h;
  const std::string day = to_text(*grant().consented_at + kdocs_api::consent_life).substr(0, 10);
  const std::string sentence = "the consent ends on " + day;
  world.run_for(23h);
  CHECK(oauth().renewals == 1);
  CHECK(!world.events.told(sentence));
  world.run_for(24h);
  CHECK(oauth().renewals == 2);
  CHECK(world.events.told(sentence));
}

TEST_CASE_FIXTURE(Fixture, "no secret is in what a failing renewal says") {
  world.kdocs.renewal_faults = [](std::size_t) { return Fault{}; };
  oauth().app_key = "another";
  world.kdocs.edit = {};
  world.run_for(23h);
  for (const std::string& text : world.events.texts) {
    CHECK(!says(text, "app-secret"));
    CHECK(!says(text, grant().refresh_token));
  }
  CHECK(world.events.told("KDocs refuses to renew the access token"));
}

TEST_CASE_FIXTURE(Fixture, "that there is no token is said before anything is to be sent") {
  world.run_for(1min);
  world.tokens.current = TokenProblem{"nobody has consented yet"};
  world.run_for(1min);
  CHECK(health() == "nobody has consented yet");
  CHECK(app("state") == "ready");
  const auto job = enqueue();
  world.run_for(1min);
  CHECK(app("state") == "blocked");
  CHECK(health() == "the app is blocked: nobody has consented yet");
  consent();
  REQUIRE(succeeds(job));
  CHECK(health().empty());
}

TEST_CASE_FIXTURE(Fixture, "a refused token: a renewal without an answer is repeated in seconds") {
  world.kdocs.renewal_faults = [](std::size_t n) {
    return n < 3 ? Fault{Fault::Kind::not_sent} : Fault{};
  };
  oauth().end_access_tokens();
  const auto job = enqueue();
  REQUIRE(world.run_until([&] { return world.state(job) == "succeeded"; }, 1min));
  CHECK(health().empty());
}

TEST_CASE_FIXTURE(Fixture, "a refusal that was an error is forgotten when a renewal works") {
  oauth().rotates = false;
  oauth().refuses = true;
  world.run_for(22h + 1min);
  CHECK(says(health(), "KDocs refuses to renew the access token"));
  oauth().refuses = false;
  world.run_for(1h + 1min);
  CHECK(oauth().renewals == 1);
  CHECK(health().empty());
}

TEST_CASE_FIXTURE(Fixture, "a service that gives the same token for what is left of it is not "
                           "asked again and again") {
  oauth().gives_same = true;
  world.kdocs.renewal_faults = [](std::size_t n) {
    return n == 0 ? Fault{Fault::Kind::http_status, 502} : Fault{};
  };
  world.run_for(23h);
  CHECK(health().empty());
  CHECK(oauth().renewals >= 1);
  CHECK(oauth().renewals <= 3);
  world.run_for(1h + 1min);
  CHECK(oauth().renewals <= 20);
  REQUIRE(succeeds(enqueue()));
  CHECK(oauth().with_ended_token == 0);
}

TEST_CASE_FIXTURE(Fixture,
                  "what is renewed for an app that goes meanwhile is stored all the same") {
  world.kdocs.latency = 10s;
  REQUIRE(world.run_until([&] { return world.engine->in_flight() == 1; }, 24h));
  const std::string before = grant().refresh_token;
  EngineSettings settings = with_login();
  SUBCASE("it is removed") {
    settings.apps["other"] = settings.apps["default"];
    settings.apps.erase("default");
    settings.apps["other"].app_id.clear();
  }
  SUBCASE("somebody else keeps its token fresh") {
    settings.apps["default"].app_id.clear();
  }
  SUBCASE("it has another name") {
    settings.apps["other"] = settings.apps["default"];
    settings.apps.erase("default");
  }
  SUBCASE("and the disk is full for a while") {
    settings.apps["default"].app_id.clear();
    world.tokens.full = true;
  }
  world.engine->configure(settings);
  world.run_for(1min);
  world.tokens.full = false;
  world.run_for(1min);
  CHECK(grant().refresh_token != before);
  CHECK(oauth().renewals == 1);
  CHECK(oauth().refused == 0);
}

TEST_CASE_FIXTURE(Fixture, "settings that are read again are a reason to try a refused renewal") {
  world.tokens.key = std::string("mistyped");
  world.run_for(22h + 1min);
  CHECK(says(health(), "KDocs refuses to renew the access token"));
  world.tokens.key = std::string("app-secret");
  world.engine->configure(with_login());
  world.run_for(10s);
  CHECK(oauth().renewals == 1);
  CHECK(health().empty());
}

TEST_CASE_FIXTURE(Fixture, "a token that comes with new settings is renewed by these") {
  EngineSettings settings = with_login();
  settings.apps["default"].base_url = "https://kdocs.test/elsewhere";
  world.engine->configure(settings);
  world.run_for(1min);
  world.kdocs.wait_until(world.clock.steady() + 6s); // the next tick looks at the token
  grant().access_token = "another";
  grant().expires_at = world.clock.wall() + 1s;
  world.engine->configure(with_login());
  world.run_for(10s);
  CHECK(oauth().renewals == 1);
  CHECK(health().empty());
}

TEST_CASE_FIXTURE(Fixture, "a wall clock that is set by days, to and fro, costs no attempt") {
  for (const auto step : {72h, -72h, -72h, 72h, 24h * 400, -24h * 400}) {
    CAPTURE(step.count());
    const std::size_t before = oauth().renewals + oauth().with_ended_token;
    world.clock.step_wall(step);
    world.run_for(26h);
    REQUIRE(succeeds(enqueue()));
    CHECK(health().find("renew") == std::string::npos);
    CHECK(oauth().renewals + oauth().with_ended_token <= before + 5);
  }
  CHECK(oauth().refused == 0);
  CHECK(world.user->number("SELECT max(attempt) FROM jobs") == 1);
}
