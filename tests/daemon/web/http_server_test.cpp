#include "daemon/web/http_server.h"
#include "tests/daemon/web/raw_client.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <deque>
#include <fstream>
#include <string>

using namespace kdq;
using namespace kdq::test;
using namespace kdq::web;

namespace {

const ListenAddress any_port{"127.0.0.1", 0, {}};

ListenAddress at_socket(const std::filesystem::path& file) {
  return {"", 0, file};
}

/// Says of each request what it was.
struct Echo {
  HttpServer server;
  std::atomic<int> requests = 0;
  RunningServer running{server};

  explicit Echo(const ListenAddress& address = any_port) : server(address) {
    const auto say = [this](const httplib::Request& request, httplib::Response& response) {
      ++requests;
      response.set_content("[" + request.method + " " + request.path + " " + request.body + "]",
                           "text/plain");
    };
    server.answer_by(say, say);
  }
};

/// A socket's file that nobody listens on.
void leave_socket(const std::filesystem::path& file) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  file.native().copy(name.sun_path, sizeof name.sun_path - 1);
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
}

constexpr auto get_a = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

} // namespace

TEST_CASE("a connection carries one request after the other, also if they come at once") {
  Echo echo;
  RawClient client(echo.server.port());
  REQUIRE(client.send(get_a));
  CHECK(contains(client.answer(), "[GET /a ]"));
  REQUIRE(client.send("GET /b HTTP/1.1\r\nHost: h\r\n\r\nGET /c HTTP/1.1\r\nHost: h\r\n\r\n"));
  CHECK(contains(client.answer(), "[GET /b ]"));
  CHECK(contains(client.answer(), "[GET /c ]"));
  CHECK(echo.requests == 3);
}

TEST_CASE("a request comes in pieces, and a client that wants the end has it") {
  Echo echo;
  RawClient client(echo.server.port());
  for (const char* piece :
       {"PO", "ST /p HTTP/1.1\r\nHost: h\r\nContent-", "Length: 4\r", "\n\r\nab", "cd"})
    REQUIRE(client.send(piece));
  CHECK(contains(client.answer(), "[POST /p abcd]"));
  RawClient last(echo.server.port());
  REQUIRE(last.send("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  CHECK(contains(last.rest(), "[GET /a ]"));
}

TEST_CASE("what stands behind a body is no request, whoever forgot to read the body") {
  constexpr auto hidden = "GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string length = std::to_string(std::string(hidden).size());
  Echo echo;
  for (const std::string& head :
       {"GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: " + length,
        std::string("GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked"),
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 70000\r\n\r\n" + std::string(69'996, 'x'),
        std::string("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 40"),
        std::string("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: x"),
        std::string("no request at all"), std::string("GET /a HTTP/9.9\r\nHost: h")}) {
    CAPTURE(head);
    RawClient client(echo.server.port());
    REQUIRE(client.send(head + "\r\n\r\n" + hidden + hidden));
    CHECK_FALSE(contains(client.rest(), "[GET /hidden"));
  }
}

TEST_CASE("the answer to a request with a body says that it is the last of its connection") {
  Echo echo;
  RawClient client(echo.server.port());
  REQUIRE(client.send("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"));
  const std::string all = client.rest();
  CHECK(contains(all, "[POST /p ab]"));
  CHECK(contains(all, "Connection: close\r\n"));
}

TEST_CASE("what is too large is refused") {
  Echo echo;
  SUBCASE("a body, as it is announced") {
    RawClient client(echo.server.port());
    REQUIRE(client.send("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n\r\n"));
    client.send(std::string(65537, 'x'));
    CHECK_FALSE(contains(client.rest(), "[POST"));
    CHECK(echo.requests == 0);
  }
  SUBCASE("a body in chunks") {
    RawClient client(echo.server.port());
    REQUIRE(client.send("POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
    const std::string chunk = "1000\r\n" + std::string(0x1000, 'x') + "\r\n";
    for (int i = 0; i < 1000 && client.send(chunk); ++i) {
    }
    CHECK(echo.requests == 0);
  }
  SUBCASE("an address") {
    RawClient client(echo.server.port());
    REQUIRE(client.send("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n"));
    CHECK(contains(client.rest(), " 414 "));
  }
  SUBCASE("headers, together") {
    RawClient client(echo.server.port());
    client.send("GET /a HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 1000 && client.send("X-A: " + std::string(1000, 'a') + "\r\n"); ++i) {
    }
    client.send("\r\n");
    CHECK_FALSE(contains(client.rest(), "[GET"));
  }
  RawClient other(echo.server.port());
  REQUIRE(other.send(get_a));
  CHECK(contains(other.answer(), "[GET /a ]"));
}

/// The memory that this process has ever had at once.
long peak_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:"))
      return std::stol(line.substr(6));
  return 0;
}

TEST_CASE("no line of a request takes much more memory than it has") {
  Echo echo;
  const long before = peak_kib();
  REQUIRE(before > 0);
  std::string ranges = "bytes=0-";
  while (ranges.size() < 8000)
    ranges += ",-";
  const std::string path = "/" + std::string(8000, 'a');
  std::deque<RawClient> clients; // each has a thread of its own
  for (int i = 0; i < 10; ++i) {
    for (const std::string& request :
         {"GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n",
          "GET /a HTTP/1.1\r\nHost: h\r\nrAnge: " + ranges + "\r\n\r\n",
          "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"}) {
      RawClient& client = clients.emplace_back(echo.server.port());
      REQUIRE(client.send(request));
      CHECK(contains(client.answer(), " 200 "));
    }
    const std::string part =
        "--b\r\nContent-Disposition: form-data; name=\"" + std::string(8000, 'n');
    RawClient& client = clients.emplace_back(echo.server.port());
    REQUIRE(client.send("POST /p HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; "
                        "boundary=b\r\nContent-Length: " +
                        std::to_string(part.size()) + "\r\n\r\n" + part));
    CHECK(contains(client.answer(), " 200 "));
  }
  CHECK(peak_kib() - before < 60'000);
}

TEST_CASE("a head of too many lines is no request") {
  Echo echo;
  std::string request = "GET /a HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 98; ++i)
    request += "X:\r\n";
  RawClient client(echo.server.port());
  REQUIRE(client.send(request + "\r\n"));
  CHECK(contains(client.answer(), "[GET /a ]"));
  client.send(request + "X:\r\n\r\n");
  CHECK_FALSE(contains(client.rest(), "[GET"));
}

TEST_CASE("a body may say what a head may not") {
  Echo echo;
  RawClient client(echo.server.port());
  const std::string body = "\r\nRange: x\r\n";
  REQUIRE(client.send("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: " +
                      std::to_string(body.size()) + "\r\n\r\n" + body));
  CHECK(contains(client.answer(), "[POST /p " + body + "]"));
}

TEST_CASE("a body of exactly the limit is taken") {
  Echo echo;
  RawClient client(echo.server.port());
  const std::string body(65536, 'x');
  REQUIRE(client.send("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\n" + body));
  CHECK(contains(client.answer(), "[POST /p " + body + "]"));
}

TEST_CASE("a small request does not become a large answer: no ranges, nothing is unpacked") {
  Echo echo;
  RawClient client(echo.server.port());
  REQUIRE(client.send("GET /a HTTP/1.1\r\nHost: h\r\nRange: bytes=0-,0-,0-,0-\r\n\r\n"));
  const std::string answer = client.answer();
  CHECK(contains(answer, "HTTP/1.1 200 "));
  CHECK(contains(answer, "[GET /a ]"));
  REQUIRE(client.send("POST /p HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\n"
                      "Content-Length: 5\r\n\r\nplain"));
  CHECK(contains(client.answer(), "[POST /p plain]"));
}

TEST_CASE("the end comes at once while connections are open, idle, in the midst, or asked for") {
  auto echo = std::make_unique<Echo>();
  const int port = echo->server.port();
  RawClient idle(port);
  RawClient half(port);
  REQUIRE(half.send("GET /a HTT"));
  RawClient asked(port);
  REQUIRE(asked.send(get_a));
  CHECK(contains(asked.answer(), "[GET /a ]"));
  echo.reset();
  CHECK(idle.rest() == "");
  CHECK(half.rest() == "");
  CHECK(asked.rest() == "");
  CHECK_THROWS(RawClient(port));
}

TEST_CASE("the end that comes before the beginning is not overheard") {
  HttpServer server(any_port);
  std::thread ending([&] { server.end(); });
  server.serve();
  ending.join();
}

TEST_CASE("a port that is taken is a sentence with a way out") {
  const HttpServer first(any_port);
  CHECK(first.port() > 0);
  CHECK_THROWS_WITH_AS(HttpServer({"127.0.0.1", first.port(), {}}),
                       doctest::Contains("choose another --listen"), ListenError);
}

TEST_CASE("a server of a Unix socket: its group may use it, and its file goes with it") {
  const TempDir dir;
  const auto file = dir / "page.sock";
  {
    Echo echo(at_socket(file));
    struct stat info {};
    REQUIRE(::stat(file.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0660);
    CHECK(echo.server.port() == 0);
    RawClient client(file);
    REQUIRE(client.send(get_a));
    CHECK(contains(client.answer(), "[GET /a ]"));
  }
  CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE("a socket's file that a killed run has left is taken over") {
  const TempDir dir;
  const auto file = dir / "page.sock";
  leave_socket(file);
  Echo echo(at_socket(file));
  RawClient client(file);
  REQUIRE(client.send(get_a));
  CHECK(contains(client.answer(), "[GET /a ]"));
}

TEST_CASE("a socket that is in use, and a file that is none, stay as they are") {
  const TempDir dir;
  const auto file = dir / "page.sock";
  Echo echo(at_socket(file));
  CHECK_THROWS_WITH_AS(HttpServer{at_socket(file)}, doctest::Contains("cannot listen"),
                       ListenError);
  RawClient client(file);
  REQUIRE(client.send(get_a));
  CHECK(contains(client.answer(), "[GET /a ]"));
  const auto plain = dir.file("plain", "text");
  CHECK_THROWS_AS(HttpServer{at_socket(plain)}, ListenError);
  CHECK(std::filesystem::file_size(plain) == 4);
  CHECK_THROWS_AS(HttpServer{at_socket(dir / "no/such/folder.sock")}, ListenError);
}
