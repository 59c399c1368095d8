#include "poller/engine/requests/class_turns.h"

#include <algorithm>
#include <queue>
#include <utility>

namespace kdq {
namespace {

// Of a start with weight 1. Nine thousand million of them fit, and a weight of 1,000 is exact to a
// millionth.
constexpr std::int64_t turn = 1'000'000'000;
constexpr std::size_t many_classes = 64;

} // namespace

std::int64_t ClassTurns::next_of(const std::string& job_class) const {
  const auto found = next_.find(job_class);
  return found == next_.end() ? now_ : std::max(now_, found->second);
}

std::vector<QueueScan::Entry>
ClassTurns::in_turn(std::vector<std::vector<QueueScan::Entry>> classes) const {
  if (classes.size() == 1)
    return std::move(classes.front());
  struct Head {
    std::int64_t begins;
    std::vector<QueueScan::Entry>* of;
    std::size_t at;
    const QueueScan::Entry& entry() const { return (*of)[at]; }
  };
  const auto is_later = [](const Head& a, const Head& b) {
    return a.begins != b.begins ? a.begins > b.begins : b.entry().order() < a.entry().order();
  };
  std::priority_queue<Head, std::vector<Head>, decltype(is_later)> heads(is_later);
  for (std::vector<QueueScan::Entry>& entries : classes)
    if (!entries.empty())
      heads.push({next_of(entries.front().job_class), &entries, 0});
  std::vector<QueueScan::Entry> sorted;
  while (!heads.empty()) {
    Head head = heads.top();
    heads.pop();
    head.begins += turn / head.entry().weight;
    sorted.push_back(std::move((*head.of)[head.at]));
    if (++head.at < head.of->size())
      heads.push(head);
  }
  return sorted;
}

void ClassTurns::started(const QueueScan::Entry& entry) {
  now_ = next_of(entry.job_class);
  if (next_.size() >= many_classes) // those that are not ahead are as good as new
    std::erase_if(next_, [&](const auto& known) { return known.second <= now_; });
  next_.insert_or_assign(entry.job_class, now_ + turn / entry.weight);
}

} // namespace kdq
