// A queue with jobs in it, what a visitor sees of them, and texts that want to be markup.
#pragma once

#include "daemon/web/pages.h"
#include "tests/daemon/web/document_reading.h"
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace kdq::test {

/// Closes what may be open, plants elements, turns the direction of text, hides, is no UTF-8.
inline const std::string planted_script =
    "\"'></pre></td></script><script>planted()</script><img src=x onerror=planted()>{}"
    "\xE2\x80\xAE\xE2\x80\x8B\x1B[2J\x07";

struct JobWorld : QueueFixture {
  web::Visit visit(const std::string& address, bool may_act = true) {
    web::Visit made;
    const web::Target target = web::target_of(address);
    made.path = target.path;
    made.query = target.query;
    made.may_act = may_act;
    made.form_token = "token";
    made.now = now;
    return made;
  }
  web::Page page(const web::Visit& visit) {
    Reader reader(file);
    return web::make_page(reader, visit);
  }
  /// What the page shows, all its parts.
  std::string shown(const web::Visit& visit) {
    std::string all;
    for (const web::Part& part : page(visit).parts)
      all += part.content.text();
    return all;
  }
  std::string shown(const std::string& address) { return shown(visit(address)); }
  static std::string part(const web::Page& page, const std::string& id) {
    for (const web::Part& part : page.parts)
      if (part.id == id)
        return part.content.text();
    return "(no part)";
  }
  void plant(const std::string& sql, const std::string& text = planted_script) {
    user.exec_with(sql, text);
  }
  /// A job that runs.
  std::int64_t running(const std::string& file_token = "f") {
    const std::int64_t job = user.enqueue(file_token, "x", "name");
    REQUIRE(claim(job));
    REQUIRE(run(job));
    return job;
  }
  std::int64_t failed(const std::string& error = "TypeError") {
    const std::int64_t job = running("f" + std::to_string(user.number("SELECT max(id) FROM jobs")));
    REQUIRE(end(job, JobState::failed, "null", error));
    return job;
  }
  std::int64_t unconfirmed(const std::string& file_token = "f") {
    const std::int64_t job = user.enqueue(file_token, "x", "name");
    REQUIRE(claim(job));
    go(job, {"unconfirmed"});
    return job;
  }
  void line(std::int64_t job, int attempt, std::int64_t seq, const std::string& level,
            const std::string& message, const std::string& args = "[]") {
    SQLite::Statement insert(
        user.connection(),
        "INSERT INTO logs(job_id, attempt, seq, level, filename, timestamp, args, message, "
        "fetched_at) VALUES (?, ?, ?, ?, 'name.ks:1:1', '10:00:00', ?, ?, '2026-01-01 00:00:00')");
    insert.bind(1, job);
    insert.bind(2, attempt);
    insert.bind(3, seq);
    insert.bind(4, level);
    insert.bind(5, args);
    insert.bind(6, message);
    insert.exec();
  }
};

/// What is wrong with markup of ours, or empty: an element that is not closed, a planted one, an
/// unseen character.
inline std::string trouble_of(const std::string& markup) {
  for (const char* alive : {"<script", "<img", "\x1B", "\x07", "\xE2\x80\xAE", "\xE2\x80\x8B"})
    if (contains(markup, alive))
      return std::string("alive: ") + alive;
  return DocumentReading(markup).trouble();
}

} // namespace kdq::test
