// The program itself: its first words, its refusals, its end.
#include "tests/sandbox/test_sandbox.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <spawn.h>
#include <sys/wait.h>

namespace kdq::sandbox {
namespace {

using nlohmann::json;

/// kdocs-sandbox with stdout and stderr in files.
class Program {
public:
  explicit Program(std::vector<std::string> arguments) {
    std::string folder = std::filesystem::temp_directory_path() / "kdq-sandbox-XXXXXX";
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
    arguments.insert(arguments.begin(), KDQ_SANDBOX);
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) {
      argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions{};
    posix_spawn_file_actions_init(&actions);
    for (const auto& [fd, name] : {std::pair(STDOUT_FILENO, "out"), {STDERR_FILENO, "err"}}) {
      posix_spawn_file_actions_addopen(&actions, fd, (folder_ / name).c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0600);
    }
    const int error = ::posix_spawn(&pid_, KDQ_SANDBOX, &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    REQUIRE(error == 0);
  }
  ~Program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait_for_exit();
    }
    std::filesystem::remove_all(folder_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  std::string text(const char* name) const {
    std::ifstream file(folder_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// The address of its first line.
  std::string base_url() const {
    const std::string words = "listening on ";
    wait_until([&] { return text("out").ends_with('\n'); });
    const std::string line = text("out");
    REQUIRE(line.starts_with(words));
    return line.substr(words.size(), line.size() - words.size() - 1);
  }
  void signal(int number) const { ::kill(pid_, number); }
  /// The exit code, or the negated signal.
  int wait_for_exit() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

private:
  std::filesystem::path folder_;
  pid_t pid_ = -1;
};

} // namespace

TEST_CASE("the program refuses to listen elsewhere with exit code 2 and a sentence") {
  Program program({"--host", "0.0.0.0"});
  CHECK(program.wait_for_exit() == 2);
  CHECK(program.text("err").find("loopback only") != std::string::npos);
  CHECK(program.text("out") == "");
}

TEST_CASE("an unknown option is a usage error and help is not") {
  Program wrong({"--nonsense"});
  CHECK(wrong.wait_for_exit() == 2);
  Program help({"--help"});
  CHECK(help.wait_for_exit() == 0);
  CHECK(help.text("out").find("--port-file") != std::string::npos);
}

TEST_CASE("the program tells its port, serves, and a signal stops it while scripts sleep") {
  const std::string port_file =
      std::filesystem::temp_directory_path() / ("kdq-port-" + std::to_string(::getpid()));
  const json order{{"script", "console.log(Range('A1').Text); Time.sleep(1e8)"}};
  for (const int number : {SIGTERM, SIGINT}) {
    Program program(
        {"--port-file", port_file, "--cell", "F:A1=x", "--verbose", "--token", "s3cret"});
    httplib::Client client(program.base_url());
    client.set_read_timeout(std::chrono::minutes(1));
    std::string port;
    std::ifstream(port_file) >> port;
    CHECK(program.base_url() == "http://127.0.0.1:" + port);
    const auto reply = client.Post("/api/v1/openapi/personal/files/F/script?access_token=s3cret",
                                   order.dump(), "application/json");
    REQUIRE(reply);
    CHECK(reply->status == 200);
    wait_until([&] {
      return json::parse(client.Get("/admin/ledger")->body).at("lines").at("produced") == 2;
    });
    program.signal(number);
    CHECK(program.wait_for_exit() == 0);
    CHECK(program.text("err") == "POST /api/v1/openapi/personal/files/F/script: 200\n");
  }
  std::filesystem::remove(port_file);
}

TEST_CASE("the program serves an OAuth app, and prints neither key, code nor token") {
  Program program({"--oauth-app", "SX1:k3y", "--oauth-rotate", "no", "--oauth-expires-in", "77",
                   "--oauth-code-ttl", "0", "--oauth-bare-replies", "--oauth-seed-token",
                   "acc:ref:1000", "--oauth-seed-token", "old:older:0", "--verbose"});
  httplib::Client client(program.base_url());
  client.set_read_timeout(std::chrono::minutes(1));
  const auto consent = client.Get("/h5/auth?app_id=SX1&redirect_uri=http%3A%2F%2Flocalhost");
  REQUIRE(consent);
  const std::string query = consent->get_header_value("Location").substr(17);
  const auto late = client.Get("/api/v1/oauth2/access_token?app_id=SX1&app_key=k3y&" + query);
  REQUIRE(late);
  CHECK(json::parse(late->body).at("code") == 10001);
  const auto reply =
      client.Post("/api/v1/oauth2/refresh_token?app_id=SX1",
                  R"({"app_key":"k3y","refresh_token":"older"})", "application/json");
  REQUIRE(reply);
  json data = json::parse(reply->body).at("data");
  CHECK(data.erase("access_token") == 1);
  CHECK(data == json{{"app_id", "SX1"}, {"expires_in", 77}});
  const std::string ask = "/api/v1/openapi/personal/script/status?task_id=x&access_token=";
  CHECK(client.Get(ask + "acc")->status == 200);
  CHECK(client.Get(ask + "old")->status == 401);
  CHECK(json::parse(client.Get("/admin/oauth")->body).at("live_access_tokens") == 2);
  program.signal(SIGTERM);
  CHECK(program.wait_for_exit() == 0);
  CHECK(program.text("err") == "GET /h5/auth: 302\n"
                               "GET /api/v1/oauth2/access_token: 200\n"
                               "POST /api/v1/oauth2/refresh_token: 200\n"
                               "GET /api/v1/openapi/personal/script/status: 200\n"
                               "GET /api/v1/openapi/personal/script/status: 401\n");
}

TEST_CASE("OAuth options that make no sense are usage errors that show no secret") {
  using Arguments = std::vector<std::string>;
  for (const Arguments& arguments :
       {Arguments{"--oauth-app", "s3cret"}, Arguments{"--oauth-app", ""},
        Arguments{"--oauth-rotate", "no"}, Arguments{"--oauth-seed-token", "s3cret:s3cret:1"},
        Arguments{"--oauth-app", "SX1:k", "--oauth-seed-token", "s3cret:s3cret"},
        Arguments{"--oauth-app", "SX1:k", "--oauth-rotate", "maybe"},
        Arguments{"--oauth-app", "SX1:k", "--oauth-expires-in", "-1"}}) {
    CAPTURE(json(arguments).dump());
    Program program(arguments);
    CHECK(program.wait_for_exit() == 2);
    CHECK(program.text("err") != "");
    CHECK(program.text("err").find("s3cret") == std::string::npos);
  }
}

} // namespace kdq::sandbox
