#include "daemon/token_files.h"

#include "poller/api/kdocs_tokens.h"
#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace kdq;
using namespace kdq::test;
namespace fs = std::filesystem;

namespace {

TokenSource in_file(const fs::path& file) {
  TokenSource source;
  source.token_file = file;
  return source;
}

std::string token_of(TokenFiles& tokens) {
  return std::get<TokenGrant>(tokens.grant("default")).access_token;
}

std::string problem_of(TokenFiles& tokens) {
  return std::get<TokenProblem>(tokens.grant("default")).sentence;
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a token is the file's one line, without the line end") {
  const TempDir dir;
  for (const auto* end : {"", "\n", "\r\n", " \n\n"}) {
    TokenFiles tokens(
        {{"default", in_file(dir.file("token", std::string("abc-123_.~%2F==") + end))}});
    CHECK(token_of(tokens) == "abc-123_.~%2F==");
  }
}

TEST_CASE("a token that changes is seen at the next call, written in place or replaced") {
  const TempDir dir;
  TokenFiles tokens({{"default", in_file(dir.file("token", "first"))}});
  CHECK(token_of(tokens) == "first");
  dir.file("token", "second one");
  CHECK(mentions(problem_of(tokens), "spaces"));
  dir.file("token", "third");
  CHECK(token_of(tokens) == "third");
  fs::rename(dir.file("new", "forth"), dir / "token"); // as long as the one before
  CHECK(token_of(tokens) == "forth");
  fs::remove(dir / "token");
  CHECK(mentions(problem_of(tokens), "does not exist"));
  dir.file("token", "fifth");
  CHECK(token_of(tokens) == "fifth");
}

TEST_CASE("a file that cannot hold a token is refused, and its content is not repeated") {
  struct Row {
    std::string content;
    std::string part_of_sentence;
  };
  const Row rows[] = {
      {"", "is empty"},
      {"\n\n", "is empty"},
      {"SECRET1\nSECRET2", "several lines"},
      {"SECRET \x01", "control characters"},
      {std::string("SECRET\0x", 8), "control characters"},
      {"\xef\xbb\xbfSECRET", "outside of ASCII"},
      {std::string(kdocs_api::max_token_bytes + 1, 'S'), "is longer than 8192 bytes"},
      {std::string(1'000'000, 'S'), "is longer than 8192 bytes"},
  };
  for (const auto& row : rows) {
    const TempDir dir;
    const auto file = dir.file("token", row.content);
    TokenFiles tokens({{"default", in_file(file)}});
    const std::string problem = problem_of(tokens);
    CHECK_MESSAGE(mentions(problem, row.part_of_sentence), problem);
    CHECK(mentions(problem, file.string()));
    CHECK(mentions(problem, "\"default\""));
    CHECK_FALSE(mentions(problem, "SECRET"));
    CHECK_FALSE(mentions(problem, "SSSS"));
  }
}

TEST_CASE("the longest token is accepted") {
  const TempDir dir;
  TokenFiles tokens(
      {{"default",
        in_file(dir.file("token", std::string(kdocs_api::max_token_bytes, 'x') + "\n"))}});
  CHECK(token_of(tokens).size() == kdocs_api::max_token_bytes);
}

TEST_CASE(
    "a file that others may read or write is refused with the repair, and accepted once closed") {
  const TempDir dir;
  const auto file = dir.file("token", "abc");
  TokenFiles tokens({{"default", in_file(file)}});
  for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0644U}) {
    REQUIRE(::chmod(file.c_str(), mode) == 0);
    CHECK(mentions(problem_of(tokens), "chmod 600"));
  }
  for (const mode_t mode : {0600U, 0400U}) {
    REQUIRE(::chmod(file.c_str(), mode) == 0);
    CHECK(token_of(tokens) == "abc");
  }
}

TEST_CASE("a systemd credential may be group-readable, because an ACL shows as such") {
  const TempDir dir;
  const auto file = dir.file("token", "abc");
  REQUIRE(::chmod(file.c_str(), 0440) == 0);
  TokenFiles credential({{"default", in_file(file)}}, dir.path());
  CHECK(token_of(credential) == "abc");
  TokenFiles plain({{"default", in_file(file)}});
  CHECK(mentions(problem_of(plain), "chmod 600"));
  REQUIRE(::chmod(file.c_str(), 0444) == 0);
  CHECK(mentions(problem_of(credential), "chmod 600"));
}

TEST_CASE("a file that only root may read: a service is told that it is handed over at the start") {
  if (::geteuid() != 0)
    return; // only root can become another user and root again
  const TempDir dir;
  const auto file = dir.file("token", "abc");
  const TempDir credentials;
  TokenFiles plain({{"default", in_file(file)}});
  TokenFiles service({{"default", in_file(file)}}, credentials.path());
  REQUIRE(::seteuid(65534) == 0);
  const std::string to_person = problem_of(plain);
  const std::string to_service = problem_of(service);
  REQUIRE(::seteuid(0) == 0);
  CHECK(mentions(to_person, "chown"));
  CHECK_FALSE(mentions(to_person, "systemctl"));
  CHECK(mentions(to_service, "systemctl restart kdocs-queued"));
}

TEST_CASE("a file of another user is refused") {
  if (::geteuid() != 0)
    return; // only root can give a file away
  const TempDir dir;
  const auto file = dir.file("token", "abc");
  REQUIRE(::chown(file.c_str(), 12345, static_cast<gid_t>(-1)) == 0);
  TokenFiles tokens({{"default", in_file(file)}});
  CHECK(mentions(problem_of(tokens), "belongs to user id 12345"));
}

TEST_CASE("a folder or a named pipe in the file's place is a sentence and does not block") {
  const TempDir dir;
  TokenFiles folder({{"default", in_file(dir.path())}});
  CHECK(mentions(problem_of(folder), "is not a regular file"));
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  TokenFiles pipe({{"default", in_file(dir / "pipe")}});
  CHECK(mentions(problem_of(pipe), "is not a regular file"));
}

TEST_CASE("an app without a token file is a problem, too") {
  TokenFiles tokens({});
  CHECK(mentions(problem_of(tokens), "has no token_file"));
}

TEST_CASE("what a renewal brings goes where the token was when it was sent") {
  const TempDir dir;
  const auto store = [&](const std::string& app_id) {
    TokenSource source;
    source.token_store = dir / "tokens" / "default.json";
    source.app_key_file = dir / "key";
    source.app_id = app_id;
    return source;
  };
  dir.file("key", "k3y");
  TokenFiles tokens({{"default", store("AK1")}});
  TokenGrant grant = lone_token("access");
  REQUIRE(std::holds_alternative<std::string>(tokens.app_key("default")));
  SUBCASE("the app has left the configuration") {
    tokens.configure({});
  }
  SUBCASE("somebody else keeps its token fresh") {
    tokens.configure({{"default", in_file(dir / "token")}});
  }
  SUBCASE("it is another app of the vendor now") {
    tokens.configure({{"default", store("AK2")}});
  }
  CHECK(!tokens.renewed("default", "refresh", grant));
  tokens.configure({{"default", store("AK1")}});
  CHECK(token_of(tokens) == "access");
}
