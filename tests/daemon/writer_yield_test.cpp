#include "daemon/writer_yield.h"

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
  WriterYield writer_yield(file, 1h);
  writer_yield.yield();
  { std::ifstream reader{file}; }
  { std::ofstream writer{file}; }
  writer_yield.yield();
}

TEST_CASE_FIXTURE(Fixture, "who opens the file is waited for until it is closed") {
  WriterYield writer_yield(file, 1h);
  std::ofstream writer{file};
  std::atomic<bool> closing{false};
  std::thread other([&] {
    closing = true;
    writer.close();
  });
  writer_yield.yield();
  CHECK(closing);
  other.join();
}

TEST_CASE_FIXTURE(Fixture, "who keeps the file open is waited for once, and not for ever") {
  WriterYield writer_yield(file, 1ms);
  std::ofstream writer{file};
  writer_yield.yield();
  WriterYield patient(file, 1h); // came later: knows of nobody
  patient.yield();
}

TEST_CASE("without the file it does nothing") {
  WriterYield writer_yield("/nowhere/queue.db", 1h);
  writer_yield.yield();
}
