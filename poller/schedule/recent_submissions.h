// The last submissions: the mix of scripts that is expected to go on.
#pragma once

#include "poller/schedule/script_book.h"

#include <cstddef>
#include <deque>
#include <vector>

namespace kdq {

/// Keeps the records of these scripts in use. The book must outlive it.
class RecentSubmissions {
public:
  struct Share {
    ScriptRecord* script;
    std::size_t submissions;
  };

  void add(ScriptBook& book, ScriptRecord& script);

  /// Submissions of scripts that had never run then. They stand for the unknown scripts to come,
  /// known as these may be by now.
  std::size_t unknown() const { return unknown_; }
  std::size_t size() const { return submissions_.size(); }
  /// The scripts that had run before, with their shares.
  std::vector<Share> known() const;

private:
  static constexpr std::size_t capacity = 600;
  struct Submission {
    ScriptRecord* script;
    bool was_known;
  };
  std::deque<Submission> submissions_;
  std::size_t unknown_ = 0;
};

} // namespace kdq
