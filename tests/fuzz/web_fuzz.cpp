// Whatever bytes a client sends: the server reads them as requests or refuses them, and the answers
// are HTTP with the headers that keep others out.
#include "daemon/system_clock.h"
#include "daemon/web/site.h"
#include "store/database.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/temp_dir.h"

#include <SQLiteCpp/Database.h>

#include <algorithm>
#include <cstring>

namespace kdq::fuzz {
namespace {

/// A connection whose client has sent all it will send.
class Memory : public httplib::Stream {
public:
  explicit Memory(std::string_view sent) : sent_(sent) {}

  bool is_readable() const override { return !sent_.empty(); }
  bool is_writable() const override { return true; }
  ssize_t read(char* room, size_t size) override {
    const std::size_t given = std::min(size, sent_.size());
    if (given == 0)
      return -1;
    std::memcpy(room, sent_.data(), given);
    sent_.remove_prefix(given);
    return static_cast<ssize_t>(given);
  }
  ssize_t write(const char* bytes, size_t size) override {
    answers.append(bytes, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  socket_t socket() const override { return 0; }

  std::string answers;

private:
  std::string_view sent_;
};

/// A site over a small queue, as one process has it all the time.
struct Pages {
  test::TempDir folder;
  std::filesystem::path file = folder / "queue.db";
  Database database{file};
  SystemClock clock;
  web::Changes changes;
  web::Guard guard{{{"h"}, ""}, clock};
  web::Site site{file, false, guard, changes, clock};
  web::HttpServer server{{"", 0, folder / "page.sock"}};

  Pages() {
    SQLite::Database user(file.string(), SQLite::OPEN_READWRITE);
    user.exec(
        "INSERT INTO batches(name) VALUES ('b');"
        "INSERT INTO jobs(file_token, script, script_name, batch_id) VALUES "
        "('f', 'console.log(1)', 'n', 1), ('g', '1', '<b>', NULL);"
        "UPDATE jobs SET state = 'submitting' WHERE id = 1;"
        "UPDATE jobs SET state = 'running' WHERE id = 1;"
        "INSERT INTO logs(job_id, attempt, seq, level, args, message, fetched_at) "
        "VALUES (1, 1, 1, 'info', '[1]', '<i>', '2026-01-01 00:00:00.000');"
        "INSERT INTO schedules(name, cron, file_token, script) VALUES ('s', '@daily', 'f', '1')");
    site.serve(server);
    changes.end(); // a stream of events ends at once
  }
};

void check(std::string_view answers) {
  require(answers.empty() || answers.starts_with("HTTP/1.1 "), "an answer is HTTP");
  const std::string_view head = answers.substr(0, answers.find("\r\n\r\n"));
  require(answers.empty() || head.starts_with("HTTP/1.1 100") ||
              head.find("Content-Security-Policy: default-src 'none'") != head.npos,
          "every answer says what a browser may load");
  require(answers.find("<script>") == answers.npos, "no text becomes a script");
}

} // namespace
} // namespace kdq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kdq::fuzz;
  static Pages pages;
  Memory connection({reinterpret_cast<const char*>(data), size});
  for (int request = 0; request < 10 && pages.server.take_request(connection, false); ++request) {
  }
  check(connection.answers);
  return 0;
}
