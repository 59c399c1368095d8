#include "poller/engine/replies/reply_store.h"

#include "poller/clock.h"
#include "poller/engine/replies/decide.h"
#include "poller/engine/replies/effect_memory.h"
#include "poller/engine/replies/effect_writer.h"
#include "poller/engine/replies/fact_reader.h"
#include "poller/events.h"
#include "poller/quota/quota_policy.h"
#include "store/database.h"
#include "store/spill_file.h"

#include <algorithm>
#include <string>
#include <utility>

namespace kdq {
namespace {

// Replies and lines stored by one transaction: it holds the write lock for well under a
// millisecond (tests/bench/holds). One reply with more lines is stored by itself, and one with very
// many in pieces.
constexpr std::size_t batch_replies = 32;
constexpr std::size_t batch_lines = 128;
// Between the pieces of a long reply the write lock is free for so many times as long as a piece
// held it: a user's shell does not wait for it.
constexpr int pauses_a_piece = 4;

const RequestEnd* request_of(const ReplyOutcome& outcome) {
  return &outcome.end;
}

const RequestEnd* request_of(const Effects& effects) {
  return effects.request ? &*effects.request : nullptr;
}

/// Null: no request is behind it.
const RequestEnd* request_of(const std::variant<ReplyOutcome, Effects>& unsaved) {
  return std::visit([](const auto& it) { return request_of(it); }, unsaved);
}

/// How much is to be written: rows, and pages of long ones.
std::size_t rows_of(const std::vector<const Effects*>& batch) {
  constexpr std::size_t page = 4096;
  std::size_t rows = 0;
  for (const Effects* effects : batch) {
    rows += effects->lines.size();
    if (const RequestEnd* end = request_of(*effects))
      rows += end->body.size() / page;
  }
  return rows;
}

} // namespace

ReplyStore::ReplyStore(Database& database, Clock& clock, FactReader& facts, EffectWriter& writer,
                       EffectMemory& memory, const TaskTable& tasks, InFlightTable& in_flight,
                       Events& events, Jitter& jitter)
    : database_(database), clock_(clock), facts_(facts), writer_(writer), memory_(memory),
      tasks_(tasks), in_flight_(in_flight), events_(events), jitter_(jitter),
      most_replies_(batch_replies) {}

void ReplyStore::add(Reply reply) {
  auto request = in_flight_.answered(reply.request);
  if (request)
    add(judge(std::move(*request), std::move(reply.delivery)));
  else if (!in_flight_.answers_abandoned(reply.request))
    events_.trouble("a reply came that answers no request on its way; it is ignored");
}

void ReplyStore::add(ReplyOutcome outcome) {
  if (outcome.rest)
    long_.push_back(std::move(outcome));
  else
    unsaved_.emplace_back(std::move(outcome));
}

void ReplyStore::save(SteadyTime until) {
  for (bool first = true; !unsaved_.empty(); first = false) {
    const Moment now = clock_.now();
    if (!first && now.steady >= until)
      break;
    const std::size_t count = next_batch();
    decide_batch(count, now);
    std::vector<const Effects*> batch;
    for (std::size_t i = 0; i < count; ++i)
      batch.push_back(&std::get<Effects>(unsaved_[i]));
    std::vector<bool> ours;
    try {
      database_.write([&] { ours = writer_.save(batch); }, rows_of(batch));
    } catch (const StoreUnavailable&) {
      most_replies_ = 1; // together they may take longer than any change may
      throw;
    }
    most_replies_ = std::min(2 * most_replies_, batch_replies);
    for (std::size_t i = 0; i < count; ++i)
      memory_.remember(*batch[i], ours[i], now);
    unsaved_.erase(unsaved_.begin(), unsaved_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  save_piece();
}

/// The lines of the longest waiting one, and then it is as if they had never been in it: only what
/// is left is decided, when it is short enough.
void ReplyStore::save_piece() {
  const Moment begin = clock_.now();
  if (long_.empty() || begin.steady < next_piece_)
    return;
  ReplyOutcome& reply = long_.front();
  bool stored = false;
  database_.write([&] { stored = writer_.save_piece(reply, begin.wall); });
  const SteadyTime end = clock_.steady();
  next_piece_ = end + pauses_a_piece * (end - begin.steady);
  if (stored) {
    reply.end.request.entries_stored += reply.entries;
    next_piece(reply);
  } else {
    drop_lines(reply);
  }
  if (reply.rest)
    return;
  unsaved_.emplace_back(std::move(reply));
  long_.pop_front();
}

SteadyTime ReplyStore::next_wake() const {
  if (!unsaved_.empty())
    return SteadyTime::min();
  return long_.empty() ? SteadyTime::max() : next_piece_;
}

template <class Wanted>
const InFlight* ReplyStore::find(const Wanted& wanted) const {
  for (const ReplyOutcome& reply : long_)
    if (wanted(reply.end.request))
      return &reply.end.request;
  for (const Unsaved& unsaved : unsaved_)
    if (const RequestEnd* end = request_of(unsaved); end && wanted(end->request))
      return &end->request;
  return nullptr;
}

bool ReplyStore::holds(JobId job) const {
  return find([&](const InFlight& request) { return request.intent.job == job; }) != nullptr;
}

std::optional<std::size_t> ReplyStore::entries_stored(const Intent& intent) const {
  const auto* found = find([&](const InFlight& request) { return request.intent == intent; });
  return found ? std::optional(found->entries_stored) : std::nullopt;
}

void ReplyStore::clear() {
  unsaved_.clear();
  long_.clear();
}

/// How many of the replies go into the next transaction; at least one.
std::size_t ReplyStore::next_batch() const {
  std::size_t count = 0;
  std::size_t lines = 0;
  while (count < std::min(unsaved_.size(), most_replies_)) {
    lines += std::visit([](const auto& unsaved) { return unsaved.lines.size(); }, unsaved_[count]);
    if (count > 0 && lines > batch_lines)
      break;
    ++count;
  }
  return count;
}

/// Once for each reply, however often its transaction is tried.
void ReplyStore::decide_batch(std::size_t count, Moment now) {
  std::vector<Facts> facts(count);
  bool reading = false;
  for (std::size_t i = 0; i < count; ++i)
    if (const auto* outcome = std::get_if<ReplyOutcome>(&unsaved_[i])) {
      facts[i] = facts_.known(*outcome, now.wall);
      reading = reading || FactReader::needs_reading(*outcome);
    }
  if (reading)
    database_.read([&] {
      for (std::size_t i = 0; i < count; ++i)
        if (const auto* outcome = std::get_if<ReplyOutcome>(&unsaved_[i]))
          facts_.read(*outcome, facts[i]);
    });
  for (std::size_t i = 0; i < count; ++i) {
    auto* outcome = std::get_if<ReplyOutcome>(&unsaved_[i]);
    if (!outcome)
      continue;
    facts[i].random = jitter_.draw();
    const Task* task = tasks_.find(outcome->end.request.intent.job);
    Effects effects = decide(std::move(*outcome), task, facts[i], now);
    memory_.learn(effects, now);
    unsaved_[i] = std::move(effects);
  }
}

void ReplyStore::forget(RequestId request) {
  std::erase_if(unsaved_, [&](const Unsaved& unsaved) {
    const RequestEnd* end = request_of(unsaved);
    return end && end->request.id == request;
  });
  std::erase_if(long_, [&](const ReplyOutcome& reply) { return reply.end.request.id == request; });
}

void ReplyStore::spill(SpillFile& file) {
  std::vector<SpilledReply> replies;
  for (ReplyOutcome& reply : long_) // what is stored of it stands in reply_parts
    unsaved_.emplace_back(std::move(reply));
  long_.clear();
  for (const Unsaved& unsaved : unsaved_)
    if (const RequestEnd* end = request_of(unsaved);
        end && end->outcome != RequestOutcome::lost) { // nothing came: its intent says the same
      replies.push_back(to_spill(*end));
      in_flight_.remove(end->request.id);
    }
  unsaved_.clear();
  if (replies.empty())
    return;
  const bool whole = file.write(replies);
  events_.trouble(std::to_string(replies.size()) +
                  (whole ? " replies that the database could not take are in the spill file; the "
                           "next start stores them"
                         : " replies could not be stored, and not all of them fit into the spill "
                           "file: the next start marks gaps"));
}

} // namespace kdq
