#include "daemon/login.h"

#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <httplib.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

/// A service that answers the exchange of a code, and a person who pastes.
struct Pasted {
  test::TempDir dir;
  httplib::Server kdocs;
  int port = kdocs.bind_to_any_port("127.0.0.1");
  std::string reply =
      R"({"code":0,"data":{"access_token":"acc","refresh_token":"ref","expires_in":60,)"
      R"("app_id":"AK1","open_id":"Ann","scope":"access_personal_files,edit_personal_files"}})";
  std::string asked;
  std::thread thread;
  std::string redirect_uri = "https://example.org/back";

  Pasted() {
    kdocs.Get("/api/v1/oauth2/access_token",
              [&](const httplib::Request& request, httplib::Response& response) {
                asked = request.target;
                response.set_content(reply, "application/json");
              });
    thread = std::thread([this] { kdocs.listen_after_bind(); });
    while (!kdocs.is_running())
      std::this_thread::sleep_for(1ms);
    dir.file("key", "k3y-s3cret\n");
  }
  ~Pasted() {
    kdocs.stop();
    thread.join();
  }
  Config config() const {
    const auto file =
        dir.file("c.json", R"({"database": "q.db", "apps": {"default": {"app_id": "AK1", )"
                           R"("app_key_file": "key", "redirect_uri": ")" +
                               redirect_uri + R"(", "base_url": "http://127.0.0.1:)" +
                               std::to_string(port) + "\"}}}");
    return load_config(file, {});
  }
  std::string run(const std::string& line) {
    std::istringstream in(line);
    std::ostringstream out;
    login(config(), {}, {std::nullopt, true}, in, out);
    return out.str();
  }
  std::string refusal(const std::string& line) {
    try {
      run(line);
    } catch (const LoginError& error) {
      return error.what();
    }
    return "it worked";
  }
  bool stored(const std::string& part) const {
    std::ifstream in(dir / "tokens" / "default.json");
    return std::string{std::istreambuf_iterator<char>(in), {}}.find(part) != std::string::npos;
  }
};

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE_FIXTURE(Pasted, "a pasted code is exchanged, and what it brings is stored") {
  for (const char* line : {"c0de/1==\n", " code=c0de%2F1%3D%3D \n",
                           "https://example.org/back?code=c0de%2F1%3D%3D#x\n"}) {
    CAPTURE(line);
    const std::string said = run(line);
    CHECK(mentions(said, "/h5/auth?app_id=AK1&scope=access_personal_files,edit_personal_files"
                         "&redirect_uri=https%3A%2F%2Fexample.org%2Fback&state="));
    CHECK(mentions(said, "may be used until about 20"));
    CHECK(asked == "/api/v1/oauth2/access_token?code=c0de%2F1%3D%3D&app_id=AK1&app_key=k3y-s3cret");
    CHECK(stored("\"refresh_token\": \"ref\""));
    for (const char* secret : {"c0de", "k3y-s3cret", "acc\"", "\"ref\""})
      CHECK(!mentions(said, secret));
  }
}

TEST_CASE_FIXTURE(Pasted, "what cannot be is refused, and nothing is stored") {
  struct Row {
    const char* line;
    const char* reply;
    const char* says;
  };
  const Row rows[] = {
      {"", "", "no address was pasted"},
      {"https://example.org/back?state=other&code=c0de-s3cret", "", "carries another state"},
      {"https://example.org/back?error=access_denied", "",
       "the consent was refused (access_denied)"},
      {"https://example.org/back?x=1", "", "there is no code in the address"},
      {"c0de-s3cret", R"({"code":10001,"result":"InvalidArgument","msg":"c0de-s3cret k3y-s3cret"})",
       "KDocs does not take the code, which is good once and for 5 minutes, or not app_id and "
       "app_key; run login again: InvalidArgument (code 10001): *** ***"},
      {"c0de-s3cret", R"({"code":0,"data":{"access_token":"a","scope":"access_personal_files"}})",
       "the consent lacks the scope edit_personal_files"},
      {"c0de-s3cret", R"({"code":0,"data":{"access_token":"a","app_id":"AK2"}})",
       "for another app than AK1"},
      {"c0de-s3cret", "<html>", "has no usable access token"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    reply = row.reply;
    const std::string said = refusal(row.line);
    CHECK_MESSAGE(mentions(said, row.says), said);
    CHECK(!std::filesystem::exists(dir / "tokens" / "default.json"));
  }
}

TEST_CASE_FIXTURE(Pasted, "another account than before is refused, and can be wanted") {
  run("c0de-s3cret");
  reply = R"({"code":0,"data":{"access_token":"new","refresh_token":"r","open_id":"Bob"}})";
  CHECK(mentions(refusal("c0de-s3cret"), "this is another account than before"));
  CHECK(stored("acc"));
  std::filesystem::remove(dir / "tokens" / "default.json");
  run("c0de-s3cret");
  CHECK(stored("Bob"));
}

TEST_CASE_FIXTURE(Pasted, "what is missing is said before anybody has to consent") {
  std::filesystem::remove(dir / "key");
  CHECK(mentions(refusal("c0de-s3cret"), "the app key file"));
  dir.file("key", "k");
  dir.file("tokens", "a file in the folder's place");
  CHECK(mentions(refusal("c0de-s3cret"), "the token store"));
  CHECK(asked.empty());
}
