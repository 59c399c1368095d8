#include "daemon/curl_transport.h"

#include "daemon/system_clock.h"
#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <httplib.h>

#include <atomic>
#include <cstdlib>
#include <thread>

using namespace kdq;
using namespace kdq::test;
using namespace std::chrono_literals;

namespace {

struct Certificate {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

Certificate make_certificate(const TempDir& dir, const std::string& name,
                             const std::string& alt_name) {
  const Certificate made{dir / (name + ".pem"), dir / (name + ".key")};
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
      "-days 2 -subj /CN=test -addext subjectAltName=" +
      alt_name + " -keyout " + made.key.string() + " -out " + made.certificate.string() +
      " 2>/dev/null";
  REQUIRE(std::system(command.c_str()) == 0);
  return made;
}

/// An HTTPS server on loopback that counts the requests it could read.
class TlsServer {
public:
  explicit TlsServer(const Certificate& own) : server_(own.certificate.c_str(), own.key.c_str()) {
    server_.Get("/x", [this](const httplib::Request&, httplib::Response& response) {
      ++requests;
      response.set_content("{}", "application/json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running())
      std::this_thread::sleep_for(1ms);
  }
  ~TlsServer() {
    server_.stop();
    thread_.join();
  }
  std::string url() const { return "https://127.0.0.1:" + std::to_string(port_) + "/x"; }

  std::atomic<int> requests{0};

private:
  httplib::SSLServer server_;
  int port_ = 0;
  std::thread thread_;
};

Delivery exchange(CurlTransport& transport, const std::string& url, const std::string& ca_file) {
  const SystemClock clock;
  transport.send(RequestId{1}, {HttpRequest::Method::get, url, "", ca_file});
  transport.wait_until(clock.steady() + 60s);
  auto replies = transport.take_replies();
  REQUIRE(replies.size() == 1);
  return replies.front().delivery;
}
Delivery exchange(const std::string& url, const std::string& ca_file) {
  const SystemClock clock;
  CurlTransport transport(clock);
  return exchange(transport, url, ca_file);
}

} // namespace

TEST_CASE("over TLS a request goes only to a server whose certificate is verified") {
  const TempDir dir;
  const Certificate own = make_certificate(dir, "own", "IP:127.0.0.1");
  const Certificate other = make_certificate(dir, "other", "IP:127.0.0.1");
  TlsServer server(own);

  SUBCASE("the configured certificate is the server's: answered") {
    CHECK(std::holds_alternative<Answered>(exchange(server.url(), own.certificate)));
    CHECK(server.requests == 1);
  }
  SUBCASE("the configured certificate is another one: not sent") {
    CHECK(std::holds_alternative<NotSent>(exchange(server.url(), other.certificate)));
    CHECK(server.requests == 0);
  }
  SUBCASE("no certificate is configured and the system does not know this one: not sent") {
    CHECK(std::holds_alternative<NotSent>(exchange(server.url(), "")));
    CHECK(server.requests == 0);
  }
  SUBCASE("the certificate file is missing: not sent") {
    CHECK(std::holds_alternative<NotSent>(exchange(server.url(), dir / "missing.pem")));
    CHECK(server.requests == 0);
  }
}

TEST_CASE("a certificate for another host name is refused") {
  const TempDir dir;
  const Certificate own = make_certificate(dir, "own", "DNS:elsewhere.example");
  TlsServer server(own);
  CHECK(std::holds_alternative<NotSent>(exchange(server.url(), own.certificate)));
  CHECK(server.requests == 0);
}

TEST_CASE("each request is verified with its own certificate file, whatever the one before had") {
  const TempDir dir;
  const Certificate own = make_certificate(dir, "own", "IP:127.0.0.1");
  const Certificate other = make_certificate(dir, "other", "IP:127.0.0.1");
  TlsServer server(own);
  const SystemClock clock;
  CurlTransport transport(clock);
  const std::string good = own.certificate;
  for (const std::string& bad : {other.certificate.string(), std::string()}) {
    CHECK(std::holds_alternative<Answered>(exchange(transport, server.url(), good)));
    CHECK(std::holds_alternative<NotSent>(exchange(transport, server.url(), bad)));
  }
  CHECK(std::holds_alternative<Answered>(exchange(transport, server.url(), good)));
  CHECK(server.requests == 3);
}
