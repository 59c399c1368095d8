// Pages that change while somebody looks: what has changed is sent as Server-Sent Events.
#pragma once

#include "daemon/web/changes.h"
#include "daemon/web/page.h"
#include "daemon/web/reader_pool.h"
#include "poller/clock.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace kdq::web {

/// Thread-safe.
class LivePages {
public:
  /// All must outlive it.
  LivePages(ReaderPool& readers, Changes& changes, const Clock& clock);

  /// One who looks.
  class Follower {
  public:
    /// Waits for a change and gives what is to be sent of it as events: nothing at all, or a
    /// comment if nothing was sent for a while. No text: it has ended.
    std::optional<std::string> next();
    /// The job that the page would have watched: see Page::to_watch.
    std::optional<std::int64_t> to_watch() const { return to_watch_; }

  private:
    friend class LivePages;
    LivePages& pages_;
    Visit visit_;
    std::optional<std::uint64_t> seen_; ///< the change that was looked at last
    bool at_once_ = true;               ///< the next look waits for no change
    SteadyTime next_comment_ = SteadyTime::min();
    std::map<std::string, std::size_t> shown_; ///< hash of each part's content
    std::optional<std::int64_t> to_watch_;
    std::shared_ptr<void> place_taken_;

    Follower(LivePages& pages, Visit visit, std::shared_ptr<void> taken)
        : pages_(pages), visit_(std::move(visit)), place_taken_(std::move(taken)) {}
    std::string events(const Page& page);
    std::string alive(std::string events);
  };
  /// Null: as many look as may.
  std::shared_ptr<Follower> follow(Visit visit);

private:
  std::shared_ptr<const Page> page(const Visit& visit, std::uint64_t change);

  ReaderPool& readers_;
  Changes& changes_;
  const Clock& clock_;
  std::mutex mutex_; ///< guards what follows
  int followers_ = 0;
  std::uint64_t made_at_ = 0;                 ///< the change to which the pages below belong
  SteadyTime made_until_ = SteadyTime::min(); ///< then they are made anew
  std::map<std::string, std::shared_ptr<const Page>> made_;
  std::size_t made_bytes_ = 0; ///< of their parts
};

} // namespace kdq::web
