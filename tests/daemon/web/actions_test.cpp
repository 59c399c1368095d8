// What forms change: each action, what is refused, all of a filter, and nothing at all without the
// right to act.
#include "daemon/web/actions.h"

#include "daemon/system_clock.h"
#include "daemon/web/site.h"
#include "tests/daemon/web/job_world.h"

#include <httplib.h>

#include <chrono>
#include <thread>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;

namespace {

using Fields = std::map<std::string, std::string>;

struct Fixture : JobWorld {
  ReaderPool readers{file};
  Actions actions{file, readers};

  Actions::Answer act(Fields fields, bool may_act = true) {
    Visit form = visit("/act", may_act);
    form.query = std::move(fields);
    return actions.act(form);
  }
  std::string act_on(std::int64_t job, const std::string& action) {
    return act({{"action", action}, {"job", std::to_string(job)}}).to;
  }
  static std::string text(const Page& page) {
    std::string all;
    for (const Part& part : page.parts)
      all += part.content.text();
    CHECK(trouble_of(all) == "");
    return all;
  }
  /// A hidden field of a form.
  static std::string field(const std::string& markup, const std::string& name) {
    const std::string before = "name=\"" + name + "\" value=\"";
    const std::size_t at = markup.find(before);
    if (at == std::string::npos)
      return "(no field)";
    const std::size_t from = at + before.size();
    return markup.substr(from, markup.find('"', from) - from);
  }
  /// Adds what the page that asks has in its form.
  Fields asked(Fields fields) {
    const std::string asks = text(act(fields).page);
    for (const char* name : {"confirm", "up_to", "asked_at", "count"})
      fields[name] = field(asks, name);
    return fields;
  }
  Page confirmed(const Fields& fields) { return act(asked(fields)).page; }
  std::int64_t queued() { return user.number("SELECT count(*) FROM jobs WHERE state = 'queued'"); }
};

} // namespace

TEST_CASE_FIXTURE(Fixture,
                  "one job is cancelled, run again and watched, and the browser goes back") {
  const std::int64_t job = running();
  CHECK(act_on(job, "watch") == "/jobs/1");
  CHECK(user.number("SELECT count(*) FROM watches") == 1);
  CHECK(act_on(job, "cancel") == "/jobs/1");
  CHECK(state(job) == "cancelled");
  CHECK(act({{"action", "rerun"}, {"job", "1"}, {"back", "/unconfirmed?after=3"}}).to ==
        "/unconfirmed?after=3");
  CHECK(state(job) == "queued");
}

TEST_CASE_FIXTURE(Fixture, "the browser is led to no other site") {
  user.enqueue("f", "x", "");
  for (const char* back :
       {"https://example.com/", "//example.com", "/\\example.com", "javascript:1"})
    CHECK(act({{"action", "cancel"}, {"job", "1"}, {"back", back}}).to == "/");
}

TEST_CASE_FIXTURE(Fixture, "what the database refuses is shown as it says it") {
  const std::int64_t job = running();
  REQUIRE(end(job, JobState::succeeded));
  const Actions::Answer answer = act({{"action", "rerun"}, {"job", "1"}, {"back", "/jobs/1"}});
  CHECK(answer.to.empty());
  CHECK(answer.page.status == 409);
  CHECK(contains(text(answer.page), "INSERT a new job to run the script again"));
  user.exec("CREATE TRIGGER odd BEFORE UPDATE OF state ON jobs BEGIN SELECT RAISE(ABORT, "
            "'<script>no</script>'); END");
  CHECK(contains(text(act({{"action", "rerun"}, {"job", "1"}}).page), "&lt;script&gt;no"));
}

TEST_CASE_FIXTURE(Fixture, "what is not there or not understood is said, and nothing is changed") {
  const std::int64_t job = user.enqueue("f", "x", "");
  const auto status = [&](const Fields& fields) { return act(fields).page.status; };
  CHECK(status({{"action", "rerun"}, {"job", "99"}}) == 404);
  CHECK(status({{"action", "cancel"}, {"job", "1 OR 1"}}) == 404);
  CHECK(status({{"action", "watch"}}) == 404);
  CHECK(status({{"action", "watch"}, {"job", "99"}}) == 409);
  CHECK(status({{"action", "cancel"}}) == 400); // of no filter
  CHECK(status({{"action", "cancel"}, {"f_state", "nonsense"}, {"f_batch", "x"}}) == 400);
  CHECK(status({{"action", "drop"}, {"job", "1"}}) == 400);
  CHECK(status({}) == 400);
  CHECK(status({{"action", "resume"}, {"scope", "all"}}) == 404);
  CHECK(status({{"action", "pause"}, {"scope", "file"}}) == 409);
  CHECK(status({{"action", "run_schedule"}, {"schedule", "none"}}) == 404);
  CHECK(state(job) == "queued");
}

TEST_CASE_FIXTURE(Fixture, "starts are paused and go on; a schedule's job is run now") {
  CHECK(act({{"action", "pause"}, {"scope", "file"}, {"key", "f"}, {"reason", "odd"}}).to == "/");
  CHECK(user.text("SELECT scope || key || reason FROM pauses") == "filefodd");
  CHECK(act({{"action", "resume"}, {"scope", "file"}, {"key", "f"}, {"back", "/jobs/1"}}).to ==
        "/jobs/1");
  CHECK(user.number("SELECT count(*) FROM pauses") == 0);
  user.exec(
      "INSERT INTO schedules(name, cron, file_token, script) VALUES ('r', '@daily', 'f', 'x')");
  CHECK(act({{"action", "run_schedule"}, {"schedule", "r"}}).to == "/jobs/1");
  CHECK(user.text("SELECT schedule FROM jobs") == "r");
}

TEST_CASE_FIXTURE(Fixture, "without the right to act nothing is changed, nor opened for it") {
  user.enqueue("f", "x", "");
  Visit form = visit("/act", false);
  form.query = {{"action", "cancel"}, {"job", "1"}};
  Actions elsewhere(dir.path() / "none.db", readers);
  CHECK(elsewhere.act(form).page.status == 403);
  CHECK(actions.act(form).page.status == 403);
  CHECK(state(1) == "queued");
}

TEST_CASE_FIXTURE(Fixture,
                  "all of a filter: first it is asked, then done to what was there, in chunks") {
  failed_jobs(1200);
  const std::int64_t others = user.number("SELECT count(*) FROM jobs WHERE file_token = 'f3'");
  const Fields fields{{"action", "rerun"}, {"f_file", "f3"}, {"back", "/jobs?file=f3"}};
  const Page question = act(fields).page;
  const std::string asks = text(question);
  CHECK(question.status == 200);
  CHECK(contains(asks, std::to_string(others) + " jobs"));
  CHECK(contains(asks, "UPDATE jobs SET state = 'queued' WHERE (file_token = &#39;f3&#39;)"));
  CHECK(field(asks, "up_to") == "1200");
  CHECK(field(asks, "f_file") == "f3");
  CHECK(field(asks, "form_token") == "token");
  CHECK(queued() == 0);

  Fields all{{"action", "rerun"}, {"f_cause", "script"}, {"f_app", "default"}};
  const std::string many = text(act(all).page);
  CHECK(contains(many, "1\xE2\x80\x89"
                       "200 jobs"));
  user.exec("INSERT INTO jobs(file_token, script) VALUES ('new', 'x')");
  go(1201, {"submitting", "running"});
  user.exec("UPDATE jobs SET state = 'failed', cause = 'script' WHERE id = 1201");
  all["confirm"] = "1";
  for (const char* name : {"up_to", "asked_at", "count"})
    all[name] = field(many, name);
  CHECK(contains(text(act(all).page), "1\xE2\x80\x89"
                                      "200 jobs</strong> changed."));
  CHECK(queued() == 1200);
  CHECK(state(1201) == "failed");
}

TEST_CASE_FIXTURE(Fixture, "the SQL that is shown does what the button does") {
  failed_jobs(10);
  std::string sql = text(act({{"action", "rerun"}, {"f_file", "f3"}}).page);
  sql = sql.substr(sql.find("UPDATE"), sql.find("</pre>") - sql.find("UPDATE"));
  for (const auto& [from, to] : {std::pair<std::string, std::string>{"&#39;", "'"}, {"&lt;", "<"}})
    for (std::size_t at; (at = sql.find(from)) != std::string::npos;)
      sql.replace(at, from.size(), to);
  user.exec(sql);
  CHECK(queued() == user.number("SELECT count(*) FROM jobs WHERE file_token = 'f3'"));
  CHECK(queued() > 0);
}

TEST_CASE_FIXTURE(Fixture, "what was cancelled or may have run is run again only if it is named") {
  failed();
  go(user.enqueue("g", "x", ""), {"cancelled"});
  unconfirmed("h");
  const auto asked = [&](Fields fields) {
    fields["action"] = "rerun";
    return text(act(fields).page);
  };
  CHECK(contains(asked({{"f_app", "default"}}), "<strong>1 job</strong>"));
  CHECK(contains(asked({{"f_state", "cancelled"}}), "state IN (&#39;cancelled&#39;)"));
  CHECK(contains(asked({{"f_state", "unconfirmed"}}), "<strong>1 job</strong>"));
  CHECK(contains(asked({{"f_state", "succeeded"}}), "There is no job of which that can be made."));
  CHECK(contains(text(act({{"action", "cancel"}, {"f_app", "default"}}).page),
                 "<strong>1 job</strong>"));
}

TEST_CASE_FIXTURE(Fixture, "no more is changed than was confirmed") {
  failed_jobs(4);
  user.exec("UPDATE jobs SET state = 'queued' WHERE id < 4");
  now = *parse_time(user.text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 second')"));
  const auto fail = [&](int job, const std::string& finished_at) {
    go(job, {"submitting", "running"});
    user.exec("UPDATE jobs SET state = 'failed', cause = 'script', finished_at = '" + finished_at +
              "' WHERE id = " + std::to_string(job));
  };
  const Fields rerun = asked({{"action", "rerun"}, {"f_cause", "script"}});
  CHECK(rerun.at("count") == "1");
  // An older job that fails after the question is no part of it.
  fail(1, to_text(now + std::chrono::seconds(1)));
  CHECK(contains(text(act(rerun).page), "1 job</strong> changed."));
  CHECK(state(1) == "failed");
  CHECK(state(4) == "queued");

  const Fields cancel = asked({{"action", "cancel"}, {"f_state", "queued"}});
  CHECK(cancel.at("count") == "3");
  user.exec("UPDATE jobs SET state = 'queued' WHERE id = 1");
  const std::string again = text(act(cancel).page);
  CHECK(contains(again, "Nothing was changed: there are more of them now"));
  CHECK(field(again, "count") == "4");
  CHECK(queued() == 4);
  CHECK(contains(text(confirmed({{"action", "cancel"}, {"f_state", "queued"}})), "4 jobs"));
  CHECK(queued() == 0);
}

TEST_CASE_FIXTURE(Fixture, "nor of what comes to the filter while it is done") {
  failed_jobs(502);
  user.exec("UPDATE jobs SET state = 'queued' WHERE id > 1");
  const Fields cancel = asked({{"action", "cancel"}, {"f_state", "queued"}});
  CHECK(cancel.at("count") == "501");
  user.exec("CREATE TRIGGER meanwhile AFTER UPDATE OF state ON jobs WHEN OLD.id = 502 "
            "BEGIN UPDATE jobs SET state = 'queued' WHERE id = 1; END");
  const std::string answer = text(act(cancel).page);
  CHECK(contains(answer, "501 jobs</strong> changed."));
  CHECK(state(1) == "queued");
  CHECK(state(2) == "cancelled");
  CHECK(field(answer, "up_to") == "(no field)"); // all that was confirmed is done
}

TEST_CASE_FIXTURE(Fixture, "jobs are counted among very many, up to a bound") {
  user.exec(
      "DROP TRIGGER jobs_insert; DROP TRIGGER jobs_inserted;"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 800000) "
      "INSERT INTO jobs(file_token, script, state, cause, finished_at) SELECT 'f' || (i % 7), "
      "'x', CASE WHEN i <= 15 THEN 'timed_out' WHEN i <= 20000 THEN 'failed' ELSE 'succeeded' "
      "END, CASE WHEN i <= 15 THEN 'silent' WHEN i <= 20000 THEN 'script' END, "
      "'2025-01-01 00:00:00' FROM n");
  const auto count = [&](const char* name, const char* value) {
    const std::string asks = text(act({{"action", "rerun"}, {name, value}}).page);
    return asks.substr(asks.find("<strong>"), asks.find("</strong>") - asks.find("<strong>"));
  };
  CHECK(count("f_state", "timed_out") == "<strong>15 jobs");
  CHECK(count("f_cause", "silent") == "<strong>15 jobs");
  for (const auto& [name, value] : {std::pair("f_state", "failed"), {"f_cause", "script"}})
    CHECK(count(name, value) == "<strong>more than 10\xE2\x80\x89"
                                "000 jobs");
}

TEST_CASE_FIXTURE(Fixture, "what breaks off a change of many is said, and how many were changed") {
  failed_jobs(600);
  user.exec("CREATE TRIGGER no_more BEFORE UPDATE OF state ON jobs WHEN OLD.id = 50 "
            "BEGIN SELECT RAISE(ROLLBACK, 'not this one'); END");
  const Page answer = confirmed({{"action", "rerun"}, {"f_cause", "script"}});
  CHECK(answer.status == 503);
  CHECK(contains(text(answer), "500 jobs</strong> changed."));
  CHECK(contains(text(answer), "not this one"));
  CHECK(field(text(answer), "up_to") == "100");
  CHECK(field(text(answer), "count") == "100"); // of the 600 that were confirmed
}

TEST_CASE_FIXTURE(Fixture, "of many, what is refused is counted and said") {
  for (int i = 0; i < 3; ++i)
    user.exec("INSERT INTO jobs(file_token, script, unique_key) VALUES ('f', 'x', 'k'); UPDATE "
              "jobs SET state = 'cancelled' WHERE state = 'queued'");
  const std::string answer = text(confirmed({{"action", "rerun"}, {"f_state", "cancelled"}}));
  CHECK(contains(answer, "1 job</strong> changed."));
  CHECK(contains(answer, "2 jobs stay as they are."));
  CHECK(contains(answer, "unique_key"));
}

TEST_CASE_FIXTURE(Fixture,
                  "a form that comes over HTTP is answered by a redirect, a foreign one refused") {
  const std::int64_t job = user.enqueue("f", "x", "");
  for (const bool may_act : {false, true}) {
    SystemClock clock;
    Changes changes;
    HttpServer server{{"127.0.0.1", 0, {}}};
    const std::string host = "127.0.0.1:" + std::to_string(server.port());
    Guard guard({{host}, {}}, clock);
    Site site(file, may_act, guard, changes, clock);
    site.serve(server);
    std::thread serving([&] { server.serve(); });
    httplib::Client client("127.0.0.1", server.port());
    client.set_read_timeout(std::chrono::minutes(1));
    const auto first = client.Get("/jobs/1");
    REQUIRE(first);
    const std::string cookie = first->get_header_value("Set-Cookie");
    const std::string session = cookie.substr(0, cookie.find(';'));
    const auto post = [&](const std::string& token) {
      return client.Post("/act", {{"Cookie", session}, {"Origin", "http://" + host}},
                         httplib::Params{{"form_token", token},
                                         {"action", "cancel"},
                                         {"job", std::to_string(job)},
                                         {"back", "/jobs/1"}});
    };
    const auto foreign = post("wrong");
    const std::string token = guard.form_token(guard.session_of({host, "", session, ""}));
    const auto own = post(token);
    changes.end();
    server.end();
    serving.join();
    REQUIRE(foreign);
    REQUIRE(own);
    CHECK(foreign->status == 403);
    CHECK(own->status == (may_act ? 303 : 403));
    CHECK(own->get_header_value("Location") == (may_act ? "/jobs/1" : ""));
    CHECK(state(job) == (may_act ? "cancelled" : "queued"));
  }
}
