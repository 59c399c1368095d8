#include "daemon/courtesy.h"

#include "tests/support/temp_dir.h"

#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <thread>

using namespace kdq;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  test::TempDir dir;
  std::filesystem::path file = dir.path() / "queue.db";
  Fixture() { std::ofstream{file}; }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "nobody is waited for where nobody came, or all have gone") {
  Courtesy courtesy(file, 1h);
  courtesy.give_way();
  { std::ifstream reader{file}; }
  { std::ofstream writer{file}; }
  courtesy.give_way();
}

TEST_CASE_FIXTURE(Fixture, "who opens the file is waited for until it is closed") {
  Courtesy courtesy(file, 1h);
  std::ofstream writer{file};
  std::atomic<bool> closing{false};
  std::thread other([&] {
    closing = true;
    writer.close();
  });
  courtesy.give_way();
  CHECK(closing);
  other.join();
}

TEST_CASE_FIXTURE(Fixture, "who keeps the file open is waited for once, and not for ever") {
  Courtesy courtesy(file, 1ms);
  std::ofstream writer{file};
  courtesy.give_way();
  Courtesy patient(file, 1h); // came later: knows of nobody
  patient.give_way();
}

TEST_CASE("without the file it does nothing") {
  Courtesy courtesy("/nowhere/queue.db", 1h);
  courtesy.give_way();
}
