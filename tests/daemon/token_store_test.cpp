#include "daemon/token_store.h"

#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

using namespace kdq;
using namespace kdq::test;
namespace fs = std::filesystem;

namespace {

TokenGrant some_grant(const std::string& name = "1") {
  TokenGrant grant;
  grant.access_token = "access-" + name;
  grant.refresh_token = "refresh-" + name;
  grant.obtained_at = *parse_time("2026-01-31 09:00:00.250");
  grant.expires_at = *parse_time("2026-02-01 09:00:00.250");
  grant.consented_at = *parse_time("2026-01-01 09:00:00");
  grant.account = "Ann";
  return grant;
}

struct Fixture {
  TempDir dir;
  TokenStore store{dir / "tokens" / "default.json", "AK1", "kdocs-queued login"};

  TokenGrant read() const {
    struct stat as {};
    const auto answer = store.read(as);
    const auto* problem = std::get_if<TokenProblem>(&answer);
    REQUIRE_MESSAGE(problem == nullptr, problem->sentence);
    return std::get<TokenGrant>(answer);
  }
  std::string problem() const {
    struct stat as {};
    const auto answer = store.read(as);
    REQUIRE(std::holds_alternative<TokenProblem>(answer));
    return std::get<TokenProblem>(answer).sentence;
  }
  void put(const std::string& text) const {
    fs::create_directories(dir / "tokens");
    fs::permissions(dir / "tokens", fs::perms::owner_all);
    dir.file("tokens/default.json", text);
  }
};

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

mode_t mode_of(const fs::path& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777U;
}

} // namespace

TEST_CASE_FIXTURE(Fixture, "what is written is read again, and nobody else can read it") {
  const mode_t before = ::umask(0);
  REQUIRE(!store.write(some_grant()));
  ::umask(before);
  const TokenGrant grant = read();
  CHECK(grant.access_token == "access-1");
  CHECK(grant.refresh_token == "refresh-1");
  CHECK(grant.obtained_at == some_grant().obtained_at);
  CHECK(grant.expires_at == some_grant().expires_at);
  CHECK(grant.consented_at == some_grant().consented_at);
  CHECK(grant.account == "Ann");
  CHECK(mode_of(dir / "tokens") == 0700);
  CHECK(mode_of(store.file()) == 0600);
  CHECK(std::distance(fs::directory_iterator(dir / "tokens"), {}) == 1);
}

TEST_CASE_FIXTURE(Fixture, "without a file the sentence says which command makes one") {
  CHECK(mentions(problem(), "does not exist: a person has to consent: kdocs-queued login"));
}

TEST_CASE_FIXTURE(Fixture, "a renewal does not take the place of a newer consent") {
  REQUIRE(!store.write(some_grant("2")));
  CHECK(!store.replace("refresh-1", some_grant("3")));
  CHECK(read().access_token == "access-2");
  CHECK(!store.replace("refresh-2", some_grant("3")));
  CHECK(read().access_token == "access-3");
  put("garbage"); // of which a renewal is the only remedy left
  CHECK(!store.replace("refresh-3", some_grant("4")));
  CHECK(read().access_token == "access-4");
}

TEST_CASE_FIXTURE(Fixture,
                  "a write that was cut short leaves the old tokens, and nothing in the way") {
  REQUIRE(!store.write(some_grant("1")));
  dir.file("tokens/.default.json.new", "half");
  CHECK(read().access_token == "access-1");
  REQUIRE(!store.write(some_grant("2")));
  CHECK(read().access_token == "access-2");
  CHECK(std::distance(fs::directory_iterator(dir / "tokens"), {}) == 1);
}

TEST_CASE_FIXTURE(Fixture, "what cannot be the store is refused, and its content is not repeated") {
  struct Row {
    std::string text;
    std::string says;
  };
  const Row rows[] = {
      {"", "holds no tokens"},
      {"SECRET", "holds no tokens"},
      {"[\"SECRET\"]", "holds no tokens"},
      {std::string(100'000, ' ') + "{}", "holds no tokens"},
      {R"({"app_id": "AK2", "access_token": "SECRET"})", "holds tokens of another app_id"},
      {R"({"access_token": "SECRET"})", "holds tokens of another app_id"},
      {R"({"app_id": "AK1"})", "holds no usable token"},
      {R"({"app_id": "AK1", "access_token": 5})", "holds no usable token"},
      {R"({"app_id": "AK1", "access_token": "SECRET SECRET"})", "holds no usable token"},
      {R"({"app_id": "AK1", "access_token": "SECRET", "refresh_token": "a\nb"})",
       "holds no usable token"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text.substr(0, 100));
    put(row.text);
    CHECK(mentions(problem(), row.says));
    CHECK(mentions(problem(), "kdocs-queued login"));
    CHECK(!mentions(problem(), "SECRET"));
  }
  put(R"({"app_id": "AK1", "access_token": "a", "expires_at": "soon", "obtained_at": 7})");
  CHECK(!read().expires_at);
  CHECK(!read().obtained_at);
}

TEST_CASE_FIXTURE(Fixture, "a file or folder that others may use is refused") {
  REQUIRE(!store.write(some_grant()));
  fs::permissions(store.file(), fs::perms::group_read, fs::perm_options::add);
  CHECK(mentions(problem(), "is open to other users"));
  fs::permissions(dir / "tokens", fs::perms::group_write, fs::perm_options::add);
  CHECK(mentions(store.prepare()->sentence, "nobody else may write it (chmod 700"));
  CHECK(mentions(store.write(some_grant())->sentence, "nobody else may write it (chmod 700"));
}

TEST_CASE_FIXTURE(Fixture, "a link in the folder's place is not followed") {
  fs::create_directory(dir / "elsewhere");
  fs::create_directory_symlink(dir / "elsewhere", dir / "tokens");
  CHECK(store.prepare());
  CHECK(store.write(some_grant()));
  CHECK(fs::is_empty(dir / "elsewhere"));
}

TEST_CASE_FIXTURE(Fixture, "root writes for the daemon, which owns the folder above") {
  if (::geteuid() != 0)
    return;
  REQUIRE(::chown(dir.path().c_str(), 12345, 12346) == 0);
  REQUIRE(!store.write(some_grant()));
  struct stat info {};
  for (const fs::path& path : {dir / "tokens", store.file()}) {
    REQUIRE(::stat(path.c_str(), &info) == 0);
    CHECK(info.st_uid == 12345);
    CHECK(info.st_gid == 12346);
  }
  // A member of the group has put a folder of his own there.
  fs::remove_all(dir / "tokens");
  fs::create_directory(dir / "tokens");
  fs::permissions(dir / "tokens", fs::perms::owner_all);
  REQUIRE(::chown((dir / "tokens").c_str(), 12399, 12346) == 0);
  CHECK(
      mentions(store.write(some_grant())->sentence, "must belong to the user the daemon runs as"));
  CHECK(fs::is_empty(dir / "tokens"));
}

TEST_CASE_FIXTURE(Fixture,
                  "a folder that is missing above, or a disk that is full, is a sentence") {
  const TokenStore lost(dir / "no" / "tokens" / "a.json", "AK1", "login");
  CHECK(mentions(lost.prepare()->sentence, "No such file or directory"));
  CHECK(mentions(lost.write(some_grant())->sentence, "No such file or directory"));
}

TEST_CASE_FIXTURE(Fixture, "whoever keeps the folder locked does not keep the daemon") {
  REQUIRE(!store.write(some_grant()));
  const int other = ::open((dir / "tokens").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  REQUIRE(::flock(other, LOCK_EX) == 0);
  const auto problem = store.replace("refresh-1", some_grant("2"));
  REQUIRE(problem);
  CHECK(mentions(problem->sentence, "is being written by another program"));
  ::close(other);
  CHECK(!store.replace("refresh-1", some_grant("2")));
  CHECK(read().access_token == "access-2");
}

TEST_CASE_FIXTURE(Fixture, "a renewal keeps the consent that is known by now") {
  REQUIRE(!store.write(some_grant("1")));
  TokenGrant renewed = some_grant("2");
  renewed.consented_at = *parse_time("2025-01-01 09:00:00"); // as it was when it was sent
  CHECK(!store.replace("refresh-1", renewed));
  CHECK(read().access_token == "access-2");
  CHECK(read().consented_at == some_grant().consented_at);
}
