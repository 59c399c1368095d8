// What the forms of the pages change. A form has `action` and what it is for:
//   rerun, cancel        `job`, or all jobs of a filter: its parameters (job_filter.h) with f_
//   before
//                        each; these are counted and shown first. `confirm`, `up_to`, `asked_at`
//                        and `count` change them, if they are no more than `count` by then, and
//                        whatever happens meanwhile no more than that
//   watch                `job`
//   pause, resume        `scope` (all, app, file), `key`, `reason`
//   run_schedule         `schedule`: its name
// and `back`: where the browser goes on. They are the statements that a person would write.
#pragma once

#include "daemon/web/page.h"
#include "daemon/web/reader_pool.h"

#include <filesystem>

namespace kdq::web {

/// Thread-safe. No connection that can write is opened before there is something to be changed.
class Actions {
public:
  /// `readers` must outlive it.
  Actions(std::filesystem::path database, ReaderPool& readers)
      : database_(std::move(database)), readers_(readers) {}

  struct Answer {
    std::string to; ///< an address of this site, to be gone to; empty: the page is to be shown
    Page page;
  };
  /// Does what the form asks for, if the visitor may act. What goes wrong is on the page.
  Answer act(const Visit& form);

  /// Has a job that runs asked for more often for ten minutes. What goes wrong does not matter.
  void watch(std::int64_t job);

private:
  Answer change(const Visit& form);
  Answer change_job(const Visit& form, std::int64_t job);
  Answer change_many(const Visit& form);
  Page ask(const Visit& form, bool more_than_confirmed);
  Page change_confirmed(const Visit& form, std::int64_t up_to, std::int64_t confirmed,
                        const std::string& asked_at);
  Answer pause(const Visit& form, bool goes_on);
  Answer run_schedule(const Visit& form);

  std::filesystem::path database_;
  ReaderPool& readers_;
};

} // namespace kdq::web
