#include "daemon/web/downloads.h"

#include "daemon/web/http_server.h"
#include "tests/daemon/web/raw_client.h"
#include "tests/store/sql_fixture.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <thread>

using namespace kdq;
using namespace kdq::web;

namespace {

struct Downloads : test::SqlFixture {
  Downloads() {
    const auto answer = [this](const httplib::Request& request, httplib::Response& response) {
      Visit visit;
      visit.path = request.path;
      visit.query.insert(request.params.begin(), request.params.end());
      if (!download(readers, visit, response))
        response.status = 418;
    };
    server.answer_by(answer, answer);
    serving = std::thread([this] { server.serve(); });
  }
  ~Downloads() {
    server.end();
    serving.join();
  }
  httplib::Result get(const std::string& path) {
    httplib::Client client("127.0.0.1", server.port());
    client.set_read_timeout(std::chrono::minutes(1));
    auto result = client.Get(path);
    REQUIRE(result);
    return result;
  }
  void enqueue(int jobs) {
    user.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
              std::to_string(jobs) +
              ") INSERT INTO jobs(file_token, script, script_name) SELECT 'f', 'x', i FROM n");
  }
  /// An INSERT or UPDATE of one text.
  void write(const std::string& sql, const std::string& text) {
    SQLite::Statement statement(user.connection(), sql);
    statement.bind(1, text);
    statement.exec();
  }

  ReaderPool readers{file};
  HttpServer server{listen_address("127.0.0.1:0")};
  std::thread serving;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find("\r\n", at);
    REQUIRE(end != std::string::npos);
    lines.push_back(text.substr(at, end - at));
    at = end + 2;
  }
  return lines;
}

} // namespace

TEST_CASE_FIXTURE(Downloads, "jobs as CSV: quoted, and harmless for spreadsheets") {
  enqueue(8);
  int id = 1;
  for (const char* name : {"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "a,\"b\"\nc", "plain 好"})
    write("UPDATE jobs SET priority = -5, script_name = ? WHERE id = " + std::to_string(id++),
          name);
  const auto result = get("/jobs.csv");
  CHECK(result->status == 200);
  CHECK(result->get_header_value("Content-Type") == "text/csv; charset=utf-8");
  CHECK(result->get_header_value("Content-Disposition") == "attachment; filename=\"jobs.csv\"");
  const std::vector<std::string> lines = lines_of(result->body);
  REQUIRE(lines.size() == 9);
  CHECK(lines[0].starts_with("id,state,script_name,file_token,"));
  CHECK(lines[1].starts_with("8,queued,plain 好,f,default,,-5,"));
  CHECK(lines[2].starts_with("7,queued,\"a,\"\"b\"\"\nc\",f,"));
  CHECK(lines[3].starts_with("6,queued,\"'\rx\",f,"));
  CHECK(lines[4].starts_with("5,queued,'\tx,f,"));
  CHECK(lines[5].starts_with("4,queued,'@SUM(A1),f,"));
  CHECK(lines[6].starts_with("3,queued,'-1,f,"));
  CHECK(lines[7].starts_with("2,queued,'+1,f,"));
  CHECK(lines[8].starts_with("1,queued,'=1+1,f,"));
  for (const std::size_t plain : {0u, 1u, 4u, 8u})
    CHECK(std::count(lines[plain].begin(), lines[plain].end(), ',') == 19);
}

TEST_CASE_FIXTURE(Downloads, "jobs as JSON") {
  enqueue(3);
  write("UPDATE jobs SET error = ? WHERE id = 2", "\xFF\"</script>");
  write("UPDATE jobs SET error = ? WHERE id = 1", std::string(3000, 'e'));
  const auto result = get("/jobs.json");
  CHECK(result->get_header_value("Content-Type") == "application/json");
  const auto jobs = nlohmann::json::parse(result->body);
  REQUIRE(jobs.size() == 3);
  CHECK(jobs[0]["id"] == 3);
  CHECK(jobs[0]["error"].is_null());
  CHECK(jobs[1]["error"] == "\xEF\xBF\xBD\"</script>");
  CHECK(jobs[2]["error"] == std::string(2000, 'e') + "…");
  CHECK(nlohmann::json::parse(get("/jobs.json?app=none")->body) == nlohmann::json::array());
}

TEST_CASE_FIXTURE(Downloads, "a list in several pieces has each job of the filter once") {
  enqueue(1700);
  user.exec("UPDATE jobs SET app = 'other' WHERE id % 3 = 0");
  const auto ids = [](const nlohmann::json& jobs) {
    std::vector<std::string> all;
    for (const auto& job : jobs)
      all.push_back(std::to_string(job["id"].get<int>()));
    return all;
  };
  CHECK(ids(nlohmann::json::parse(get("/jobs.json")->body)) ==
        user.column("SELECT id FROM jobs ORDER BY id DESC"));
  CHECK(ids(nlohmann::json::parse(get("/jobs.json?app=other&before=900")->body)) ==
        user.column("SELECT id FROM jobs WHERE app = 'other' AND id < 900 ORDER BY id DESC"));
  CHECK(lines_of(get("/jobs.csv?app=other")->body).size() == 1 + 566);
}

TEST_CASE_FIXTURE(Downloads, "a list that is not all says so at its end") {
  enqueue(20);
  const auto jobs = nlohmann::json::parse(get("/jobs.json?limit=5")->body);
  REQUIRE(jobs.size() == 6);
  CHECK(jobs[4]["id"] == 16);
  CHECK(jobs[5]["more"] == "there are more jobs than 5: go on with before=16 in the address");
  const auto lines = lines_of(get("/jobs.csv?limit=5&before=16")->body);
  REQUIRE(lines.size() == 7);
  CHECK(lines[6] ==
        "there are more jobs than 5: go on with before=11 in the address" + std::string(19, ','));
  CHECK(nlohmann::json::parse(get("/jobs.json?limit=20")->body).size() == 20);
}

TEST_CASE_FIXTURE(Downloads, "a value comes whole, as a text that nobody runs") {
  std::string script;
  while (script.size() < 700'000)
    script += "// " + std::to_string(script.size()) + " <script>\n";
  write("INSERT INTO jobs(file_token, script) VALUES ('f', ?)", script);
  write("UPDATE jobs SET argv = CAST(? AS BLOB)", "{\"a\": 1}");
  write("UPDATE jobs SET result = ?", std::string(512 << 10, '5')); // no rest behind its pieces
  write("INSERT INTO requests(id, job_id, attempt, endpoint, sent_at, outcome, body) VALUES (9, 1, "
        "1, 'status', '', 'damaged', CAST(? AS BLOB))",
        std::string("\0\xFF<b>", 5));
  const auto result = get("/jobs/1/script");
  CHECK(result->status == 200);
  CHECK(result->body == script);
  CHECK(result->get_header_value("Content-Type") == "text/plain; charset=utf-8");
  CHECK(result->get_header_value("Content-Disposition") ==
        "attachment; filename=\"job-1-script.txt\"");
  CHECK(get("/jobs/1/argv")->body == "{\"a\": 1}");
  CHECK(get("/jobs/1/result")->body == std::string(512 << 10, '5'));
  CHECK(get("/requests/9/body")->body == std::string("\0\xFF<b>", 5));
  CHECK(get("/requests/9/body")->get_header_value("Content-Disposition") ==
        "attachment; filename=\"request-9-body.txt\"");
}

TEST_CASE_FIXTURE(Downloads, "a schedule's values come whole, by its name") {
  const std::string script(700'000, 's');
  write("INSERT INTO schedules(name, cron, file_token, script) VALUES ('a&b\"\r\n', '@daily', 'f', "
        "?)",
        script);
  write(
      "INSERT INTO schedules(name, cron, file_token, script, argv) VALUES ('with', '@daily', 'f', "
      "'x', ?)",
      "{\"a\": 1}");
  const auto result = get("/schedules/script?name=a%26b%22%0D%0A");
  CHECK(result->status == 200);
  CHECK(result->body == script);
  CHECK(result->get_header_value("Content-Type") == "text/plain; charset=utf-8");
  CHECK(result->get_header_value("Content-Disposition") ==
        "attachment; filename=\"schedule-script.txt\"");
  CHECK(get("/schedules/argv?name=with")->body == "{\"a\": 1}");
  for (const char* none : {"/schedules/argv?name=a%26b%22%0D%0A", "/schedules/script?name=other",
                           "/schedules/script?name=", "/schedules/script"})
    CHECK(get(none)->status == 404);
}

TEST_CASE_FIXTURE(Downloads, "a client that is slower than the database has all of it") {
  write("INSERT INTO jobs(file_token, script) VALUES ('f', ?)", std::string(8'000'000, 's'));
  test::RawClient slow(server.port());
  REQUIRE(slow.send("GET /jobs/1/script HTTP/1.1\r\nHost: h\r\n\r\n"));
  std::this_thread::sleep_for(std::chrono::milliseconds(500)); // all buffers between are full
  const std::string all = slow.until("\r\n0\r\n\r\n");
  CHECK(std::count(all.begin(), all.end(), 's') >= 8'000'000);
}

TEST_CASE_FIXTURE(Downloads,
                  "a value that changes while it is sent does not end as if it were all") {
  enqueue(1);
  write("UPDATE jobs SET result = ?", std::string(8'000'000, '5'));
  test::RawClient slow(server.port());
  REQUIRE(slow.send("GET /jobs/1/result HTTP/1.1\r\nHost: h\r\n\r\n"));
  REQUIRE(test::contains(slow.until("555"), " 200 "));
  std::this_thread::sleep_for(std::chrono::milliseconds(300)); // all buffers between are full
  write("UPDATE jobs SET result = ?", std::string(8'000, '5'));
  CHECK_FALSE(test::contains(slow.rest(), "\r\n0\r\n\r\n"));
}

TEST_CASE_FIXTURE(Downloads, "what is not there is not found, other addresses are not taken") {
  enqueue(1);
  CHECK(get("/jobs/1/result")->status == 404);
  CHECK(get("/jobs/2/script")->status == 404);
  CHECK(get("/requests/1/body")->status == 404);
  for (const char* other : {"/jobs", "/jobs/1", "/jobs/x/script", "/jobs/1/error",
                            "/jobs/-1/script", "/requests/1/script", "/jobs/1/script/",
                            "/x/jobs/1/script", "/schedules/1/script", "/schedules/cron?name=x"})
    CHECK(get(other)->status == 418);
}
