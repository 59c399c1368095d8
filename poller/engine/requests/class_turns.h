// Whose turn it is among the classes of an app. Pure.
#pragma once

#include "store/queue_scan.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace kdq {

/// Start-time fair queueing: a start of a class takes a time that is the shorter the greater its
/// weight is, and the class whose next start began first goes first. A class that had nothing to
/// start begins again where the others are: it has saved nothing up.
class ClassTurns {
public:
  /// What each class could start now, in claim order, in the order in which all would be started;
  /// by QueueScan::Entry::order() where it is the turn of several.
  std::vector<QueueScan::Entry> in_turn(std::vector<std::vector<QueueScan::Entry>> classes) const;
  /// This one is started.
  void started(const QueueScan::Entry& entry);
  /// How many classes it remembers: those that are ahead of the others.
  std::size_t size() const { return next_.size(); }

private:
  std::int64_t next_of(const std::string& job_class) const;

  std::int64_t now_ = 0;                               ///< when the last start began
  std::unordered_map<std::string, std::int64_t> next_; ///< when a class's next start begins
};

} // namespace kdq
