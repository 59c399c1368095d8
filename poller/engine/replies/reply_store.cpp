#include "poller/engine/replies/reply_store.h"

#include "poller/clock.h"
#include "poller/engine/refused_jobs.h"
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

JobId job_of(const ReplyOutcome& outcome) {
  return outcome.end.request.intent.job;
}

JobId job_of(const Effects& effects) {
  return effects.job;
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
                       Events& events, Jitter& jitter, RefusedJobs& refused)
    : database_(database), clock_(clock), facts_(facts), writer_(writer), memory_(memory),
      tasks_(tasks), in_flight_(in_flight), events_(events), jitter_(jitter), refused_(refused),
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
    save_batch(count, now);
  }
  save_refused(until);
  save_piece();
}

/// Where it is refused all are tried one by one, and the one that is to blame is set aside.
void ReplyStore::save_batch(std::size_t count, Moment now) {
  std::vector<const Effects*> batch;
  for (std::size_t i = 0; i < count; ++i)
    batch.push_back(&std::get<Effects>(unsaved_[i]));
  try {
    commit(batch, now);
  } catch (const StoreUnavailable& error) {
    most_replies_ = 1; // together they may take longer than any change may
    if (!refused_.takes(error))
      throw;
    if (count > 1)
      return;
    set_aside(batch.front()->job, error);
    refused_ones_.push_back(std::move(std::get<Effects>(unsaved_.front())));
    memory_.set_aside(refused_ones_.back(), now);
    unsaved_.pop_front();
    return;
  }
  most_replies_ = std::min(2 * most_replies_, batch_replies);
  unsaved_.erase(unsaved_.begin(), unsaved_.begin() + static_cast<std::ptrdiff_t>(count));
}

void ReplyStore::commit(const std::vector<const Effects*>& batch, Moment now) {
  std::vector<bool> ours;
  database_.write([&] { ours = writer_.save(batch); }, rows_of(batch));
  for (std::size_t i = 0; i < batch.size(); ++i)
    memory_.remember(*batch[i], ours[i], now);
}

void ReplyStore::set_aside(JobId job, const StoreUnavailable& error) {
  refused_.add(job, "what came for", error);
}

/// Those whose time has come.
void ReplyStore::save_refused(SteadyTime until) {
  for (auto it = refused_ones_.begin(); it != refused_ones_.end();) {
    const auto effects = it++;
    const Moment now = clock_.now();
    if (refused_.rests(effects->job, now.steady))
      continue;
    try {
      commit({&*effects}, now);
    } catch (const StoreUnavailable& error) {
      if (error.cause != StoreUnavailable::Cause::refused) // it is one of them, however many
        throw;
      set_aside(effects->job, error);
      continue;
    }
    refused_.passed(effects->job);
    refused_ones_.erase(effects);
    if (clock_.steady() >= until)
      return;
  }
}

/// The lines of the longest waiting one, and then it is as if they had never been in it: only what
/// is left is decided, when it is short enough.
void ReplyStore::save_piece() {
  const Moment begin = clock_.now();
  if (begin.steady < next_piece_)
    return;
  const auto reply = std::find_if(long_.begin(), long_.end(), [&](const ReplyOutcome& one) {
    return !refused_.rests(job_of(one), begin.steady);
  });
  if (reply == long_.end() || !store_piece(*reply, begin.wall))
    return;
  const SteadyTime end = clock_.steady();
  next_piece_ = end + pauses_a_piece * (end - begin.steady);
  if (reply->rest)
    return;
  unsaved_.emplace_back(std::move(*reply));
  long_.erase(reply);
}

/// False: it is refused.
bool ReplyStore::store_piece(ReplyOutcome& reply, WallTime now) {
  const JobId job = job_of(reply);
  bool stored = false;
  try {
    database_.write([&] { stored = writer_.save_piece(reply, now); });
  } catch (const StoreUnavailable& error) {
    if (!refused_.takes(error))
      throw;
    set_aside(job, error);
    in_flight_.set_aside(reply.end.request.id);
    return false;
  }
  refused_.passed(job);
  if (stored) {
    reply.end.request.entries_stored += reply.entries;
    next_piece(reply);
  } else {
    drop_lines(reply);
  }
  return true;
}

SteadyTime ReplyStore::next_wake() const {
  if (!unsaved_.empty())
    return SteadyTime::min();
  SteadyTime wake = SteadyTime::max();
  for (const Effects& effects : refused_ones_)
    wake = std::min(wake, refused_.rests_until(effects.job));
  for (const ReplyOutcome& reply : long_)
    wake = std::min(wake, std::max(next_piece_, refused_.rests_until(job_of(reply))));
  return wake;
}

bool ReplyStore::holds(JobId job) const {
  const auto is_of_it = [job](const auto& one) { return job_of(one) == job; };
  return std::any_of(long_.begin(), long_.end(), is_of_it) ||
         std::any_of(refused_ones_.begin(), refused_ones_.end(), is_of_it) ||
         std::any_of(unsaved_.begin(), unsaved_.end(),
                     [&](const Unsaved& unsaved) { return std::visit(is_of_it, unsaved); });
}

std::optional<std::size_t> ReplyStore::entries_stored(const Intent& intent) const {
  const auto stored_of = [&](const auto& one) -> std::optional<std::size_t> {
    const RequestEnd* end = request_of(one);
    return end && end->request.intent == intent ? std::optional(end->request.entries_stored)
                                                : std::nullopt;
  };
  for (const auto& reply : long_)
    if (const auto stored = stored_of(reply))
      return stored;
  for (const auto& effects : refused_ones_)
    if (const auto stored = stored_of(effects))
      return stored;
  for (const auto& unsaved : unsaved_)
    if (const auto stored = stored_of(unsaved))
      return stored;
  return std::nullopt;
}

void ReplyStore::clear() {
  unsaved_.clear();
  refused_ones_.clear();
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
  const auto is_of_it = [&](const auto& unsaved) {
    const RequestEnd* end = request_of(unsaved);
    return end && end->request.id == request;
  };
  std::erase_if(unsaved_, is_of_it);
  std::erase_if(refused_ones_, is_of_it);
  std::erase_if(long_, [&](const ReplyOutcome& reply) { return reply.end.request.id == request; });
}

void ReplyStore::spill(SpillFile& file) {
  std::vector<SpilledReply> replies;
  for (ReplyOutcome& reply : long_) // what is stored of it stands in reply_parts
    unsaved_.emplace_back(std::move(reply));
  long_.clear();
  for (Effects& effects : refused_ones_)
    unsaved_.emplace_back(std::move(effects));
  refused_ones_.clear();
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
