#include "daemon/summary.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace kdq;

TEST_CASE("numbers are grouped by thousands") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1 000");
  CHECK(grouped(1234567) == "1 234 567");
  CHECK(grouped(-100) == "-100");
  CHECK(grouped(-1000) == "-1 000");
}

TEST_CASE("the status line says what runs, what waits and what may still be asked today") {
  EngineStatus status;
  status.running = 12;
  status.queued = 340;
  status.polls_left = 8432;
  status.polls_allowed = 10'000;
  CHECK(status_line(status) == "12 running, 340 queued, 8 432 of 10 000 polls left today");
  status.unsaved_replies = 2;
  status.trouble = "the disk is full";
  CHECK(status_line(status) == "12 running, 340 queued, 8 432 of 10 000 polls left today, "
                               "2 replies not stored yet; the disk is full");
}

TEST_CASE("the summary says where backups are made, and how often") {
  Config config;
  const auto says = [&](const std::string& wanted) {
    const auto lines = summary(config);
    return std::find(lines.begin(), lines.end(), wanted) != lines.end();
  };
  CHECK(says("no backups are made"));
  config.engine.backup = {"/b", std::chrono::hours(36), 7};
  CHECK(says("every 36 h a backup is made in /b, the newest 7 are kept"));
  config.engine.backup.every = std::chrono::seconds(90);
  CHECK(says("every 90 s a backup is made in /b, the newest 7 are kept"));
}

TEST_CASE("the summary says what is deleted when") {
  Config config;
  const auto last_line = [&] { return summary(config).back(); };
  CHECK(last_line() == "what has ended is kept for ever; of replies whose content is in rows the "
                       "raw body is dropped");
  config.engine.keep_raw = true;
  config.engine.retention.days_ended = Days(90);
  config.engine.retention.days_logs = Days(0.5);
  config.engine.retention.max_bytes = 2'000'000;
  CHECK(last_line() ==
        "ended jobs are deleted after 90 days, their log lines and requests after "
        "0.5 days, the oldest ended jobs are deleted while more than 2 000 000 bytes "
        "are in use; replies are kept as received, too");
  config.engine.retention = {};
  config.engine.retention.days_logs = Days(1);
  CHECK(last_line().starts_with("log lines and requests of ended jobs are deleted after 1 day;"));
}
