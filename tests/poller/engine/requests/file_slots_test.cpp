#include "poller/engine/requests/file_slots.h"

#include <doctest/doctest.h>

using namespace kdq;

namespace {

struct Fixture {
  TaskTable tasks;
  Pauses pauses;
  EngineSettings settings;

  void start(std::int64_t job, const std::string& file) {
    Task task;
    task.id = JobId{job};
    task.script.file_token = file;
    tasks.add(std::move(task));
  }
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "a file has so many places, less those that are taken") {
  settings.max_running_per_file = 2;
  const FileSlots slots(tasks, pauses, settings);
  CHECK(slots.on("f") == 2);
  start(1, "f");
  CHECK(slots.on("f") == 1);
  start(2, "f");
  start(3, "f"); // a setting was lowered while it ran
  CHECK(slots.on("f") == 0);
  CHECK(slots.on("g") == 2);
  CHECK(slots.taken_files() == 1);
}

TEST_CASE_FIXTURE(Fixture, "without a limit only a pause closes a file") {
  settings.max_running_per_file = 0;
  const FileSlots slots(tasks, pauses, settings);
  start(1, "f");
  CHECK(slots.on("f") == FileSlots::no_limit);
  pauses.files.insert("f");
  CHECK(slots.on("f") == 0);
  pauses.files.clear();
  CHECK(slots.on("f") == FileSlots::no_limit);
}
