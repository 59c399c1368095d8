// An engine with a real database, a fake clock and a fake service: whole days in milliseconds.
#pragma once

#include "poller/engine/engine.h"
#include "store/database.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_kdocs.h"
#include "tests/support/fake_tokens.h"
#include "tests/support/temp_dir.h"
#include "tests/support/user.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace kdq::test {

class RecordingEvents : public Events {
public:
  void recovered(std::size_t running, std::size_t gaps, std::size_t unconfirmed) override {
    add("recovered " + std::to_string(running) + " running, " + std::to_string(gaps) + " gaps, " +
        std::to_string(unconfirmed) + " unconfirmed");
  }
  void submitted(JobId job, int) override { add("submitted " + std::to_string(job.value)); }
  void polled(JobId job, WallTime due) override {
    add("polled " + std::to_string(job.value) + " due " + to_text(due));
  }
  void settled(JobId job, JobState state, std::string_view error) override {
    add("settled " + std::to_string(job.value) + " " + std::string(to_text(state)) + " " +
        std::string(error));
  }
  void gap(JobId job, int, std::string_view reason) override {
    add("gap " + std::to_string(job.value) + " " + std::string(reason));
  }
  void trouble(std::string_view sentence) override { add("trouble " + std::string(sentence)); }
  void relief(std::string_view sentence) override { add("relief " + std::string(sentence)); }
  void waiting(std::string_view sentence) override { add("waiting " + std::string(sentence)); }

  /// Whether an event with this text in it was told.
  bool told(const std::string& part) const {
    for (const std::string& text : texts)
      if (text.find(part) != std::string::npos)
        return true;
    return false;
  }
  std::vector<std::string> texts;

private:
  void add(std::string text) { texts.push_back(std::move(text)); }
};

inline constexpr const char* two_seconds = R"({"ms": 2000, "lines": 2, "result": "bar"})";

/// The fault if it is this request of this endpoint, counted from 0.
inline Fault on(Endpoint wanted, std::size_t number, Endpoint endpoint, std::size_t n,
                Fault fault) {
  return endpoint == wanted && n == number ? fault : Fault{};
}

inline EngineSettings one_app() {
  EngineSettings settings;
  AppSettings app;
  app.base_url = "https://kdocs.test";
  app.submit_quota = 100'000;
  app.status_quota = 1'000'000;
  app.requests_per_second = 0;
  settings.apps["default"] = app;
  return settings;
}

/// By default what the vendor grants an app that is being tried.
inline EngineSettings test_app(std::int64_t starts = 500, std::int64_t polls = 10'000) {
  EngineSettings settings = one_app();
  settings.apps["default"].submit_quota = starts;
  settings.apps["default"].status_quota = polls;
  return settings;
}

class EngineWorld {
public:
  explicit EngineWorld(EngineSettings wanted = one_app()) : settings(std::move(wanted)) { start(); }

  void start() {
    database = std::make_unique<Database>(file(), std::chrono::milliseconds(0));
    engine = std::make_unique<Engine>(settings, *database, kdocs, clock, tokens, events);
    engine->recover();
    if (!user)
      user = std::make_unique<User>(file());
  }
  /// The process is gone in an instant; what it sent is on its way.
  void kill() {
    engine.reset();
    database.reset();
    kdocs.client_died();
  }

  /// One tick and the wait after it, at most until `limit`.
  void step(SteadyTime limit) { kdocs.wait_until(std::min(engine->tick(), limit)); }

  /// Lets the world run until the condition holds; false if that takes longer than `at_most`.
  bool run_until(const std::function<bool()>& condition,
                 std::chrono::milliseconds at_most = std::chrono::hours(2)) {
    const SteadyTime end = clock.steady() + at_most;
    while (!condition()) {
      if (clock.steady() >= end)
        return false;
      step(std::min(end, clock.steady() + std::chrono::seconds(5)));
    }
    return true;
  }
  void run_for(std::chrono::milliseconds span) {
    const SteadyTime end = clock.steady() + span;
    while (clock.steady() < end)
      step(std::min(end, clock.steady() + std::chrono::seconds(5)));
    engine->tick();
  }
  bool run_until_idle(std::chrono::milliseconds at_most = std::chrono::hours(2)) {
    return run_until(
        [this] {
          return user->number("SELECT sum(jobs) FROM job_counts "
                              "WHERE state IN ('queued','submitting','running')") == 0;
        },
        at_most);
  }
  std::string state(std::int64_t job) {
    return user->text("SELECT state FROM jobs WHERE id = " + std::to_string(job));
  }
  std::string error(std::int64_t job) {
    return user->text("SELECT coalesce(error, '') FROM jobs WHERE id = " + std::to_string(job));
  }
  std::filesystem::path file() const { return dir.path() / "queue.db"; }

  TempDir dir;
  FakeClock clock{std::chrono::time_point_cast<std::chrono::milliseconds>(
      *parse_time("2126-03-02 09:00:00"))}; ///< later than any created_at
  FakeKdocs kdocs{clock};
  FakeTokens tokens;
  RecordingEvents events;
  EngineSettings settings;
  std::unique_ptr<Database> database;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<User> user;
};

} // namespace kdq::test
