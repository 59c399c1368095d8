#include "poller/engine/task_table.h"

#include <doctest/doctest.h>

using namespace kdq;

namespace {

Task task(std::int64_t id, const std::string& app, const std::string& file) {
  Task made;
  made.id = JobId{id};
  made.app = app;
  made.script.file_token = file;
  return made;
}

} // namespace

TEST_CASE("the table knows how many tasks are on each file and of each app") {
  TaskTable table;
  table.add(task(1, "a", "f"));
  table.add(task(2, "a", "g"));
  table.add(task(3, "b", "f"));
  table.add(task(3, "b", "g")); // another attempt takes its place
  CHECK(table.size() == 3);
  CHECK(table.on_file("f") == 1);
  CHECK(table.on_file("g") == 2);
  CHECK(table.of_app("a") == 2);
  CHECK(table.taken_files() == 2);
  CHECK(table.ids() == std::vector<JobId>{JobId{1}, JobId{2}, JobId{3}});
  table.remove(JobId{1});
  table.remove(JobId{1});
  CHECK(table.on_file("f") == 0);
  CHECK(table.taken_files() == 1);
  CHECK(!table.find(JobId{1}));
  table.clear();
  CHECK(table.size() == 0);
  CHECK(table.of_app("b") == 0);
}
