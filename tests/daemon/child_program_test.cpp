// Real small programs: how they are started, what is kept of what they write, how they end.
#include "daemon/child_program.h"

#include "tests/daemon/scoped_env.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>

#include <fstream>

using namespace kdq;
using namespace kdq::test;

namespace {

std::vector<std::string> shell(const std::string& script) {
  return {"/bin/sh", "-c", script};
}

/// Waits for its end; a minute is what only a broken program needs.
void wait_for(ChildProgram& program) {
  for (int i = 0; i < 600; ++i) {
    if (program.look())
      return;
    pollfd wanted{program.fd(), POLLIN, 0};
    ::poll(&wanted, 1, 100);
  }
  FAIL("it does not end");
}

std::string output_of(const std::string& script, const std::string& input = "") {
  ChildProgram program(shell(script), input);
  wait_for(program);
  CHECK(program.end() == "");
  return program.output();
}

bool runs(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string number;
  std::string name;
  std::string state;
  return status >> number >> name >> state && state != "Z";
}

} // namespace

TEST_CASE("its input is what it was given, whether it reads it or not") {
  CHECK(output_of("cat", "one line\n") == "one line");
  const std::string much(1 << 20, 'x');
  CHECK(output_of("wc -c", much) == "1048576");
  CHECK(output_of("exit 0", much) == "");
}

TEST_CASE("it has a place, an environment and descriptors of its own") {
  const ScopedEnv zone("TZ", "Asia/Shanghai");
  const ScopedEnv secret("KDQ_TEST_SECRET", "no");
  CHECK(output_of("pwd; env | sort | grep -v ^PWD= | grep -v ^_=") ==
        "/\nLANG=C.UTF-8\n"
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nTZ=Asia/Shanghai");
  const UniqueFd inherited(::dup(0));                   // as a library might leave one open
  CHECK(output_of("ls /proc/self/fd") == "0\n1\n2\n3"); // the last one is ls's
}

TEST_CASE("no signal is blocked or ignored in it") {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto pipe_before = ::signal(SIGPIPE, SIG_IGN);
  // Of those that are ignored glibc adds two of its own, 32 and 33.
  const std::string masks = output_of("sed -nE 's/^Sig(Blk|Ign).*(.{7})$/\\2/p' /proc/self/status");
  ::signal(SIGPIPE, pipe_before);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CHECK(masks == "0000000\n0000000"); // signals 1 to 28
}

TEST_CASE("both of its outputs are kept, the first 4 KiB, as text that shows") {
  CHECK(output_of("echo out; echo err >&2") == "out\nerr");
  CHECK(output_of("printf 'a\\033[1m\\377\\000b'") == "a\\u001b[1m?\\u0000b");
  const std::string flood = output_of("yes | head -c 500000");
  CHECK(flood.size() == 4095); // but for the line break at its end
}

TEST_CASE("its end says why it failed") {
  struct Row {
    const char* script;
    const char* end;
  };
  for (const Row& row :
       {Row{"exit 3", "exit code 3"}, Row{"kill -9 $$", "ended by signal 9"}, Row{"true", ""}}) {
    CAPTURE(row.script);
    ChildProgram program(shell(row.script), "");
    wait_for(program);
    CHECK(program.end() == row.end);
  }
}

TEST_CASE("what cannot be run is said by a sentence") {
  const TempDir dir;
  const std::string no_program = dir.file("text", "x").string();
  CHECK_THROWS_WITH(ChildProgram({"/nowhere/program"}, ""),
                    "/nowhere/program cannot be run: No such file or directory");
  CHECK_THROWS_WITH(ChildProgram({no_program}, ""),
                    (no_program + " cannot be run: Permission denied").c_str());
}

TEST_CASE("all that it has started ends with it, and by a signal to it") {
  const TempDir dir;
  const auto pid_of = [&] {
    std::ifstream file(dir / "pid");
    pid_t pid = 0;
    return file >> pid ? pid : 0;
  };
  const std::string background = "sleep 1000 & echo $! > " + (dir / "pid").string();
  SUBCASE("it ends") {
    output_of(background);
  }
  SUBCASE("it gets a signal") {
    ChildProgram program(shell(background + "; wait"), "");
    while (pid_of() == 0)
      CHECK_FALSE(program.look());
    program.signal(SIGTERM);
    wait_for(program);
    CHECK(program.end() == "ended by signal 15");
  }
  SUBCASE("nobody waits for it any more") {
    const ChildProgram program(shell(background + "; wait"), "");
    while (pid_of() == 0) {
    }
  }
  for (int i = 0; i < 6000 && runs(pid_of()); ++i) // its parent is gone: init takes it
    ::poll(nullptr, 0, 10);
  CHECK_FALSE(runs(pid_of()));
}
