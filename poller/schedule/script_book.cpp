#include "poller/schedule/script_book.h"

#include "poller/schedule/price_ladder.h"

#include <algorithm>
#include <cassert>

namespace kdq {

namespace {
// One more of many runs moves a plan by less than it costs to make it again. (With 16 instead of
// 100 here, the mean wait on simulated days is 1 % longer.)
constexpr std::uint64_t well_known = 100;
std::uint64_t redraw_every(std::uint64_t runs) {
  return std::min<std::uint64_t>(8, 1 + runs / well_known);
}
} // namespace

ScriptBook::ScriptBook(std::size_t max_scripts) : max_scripts_(max_scripts) {}

ScriptRecord& ScriptBook::hold(const std::string& key) {
  const auto [entry, is_new] = records_.try_emplace(key);
  if (is_new)
    entry->second.key = key;
  ++entry->second.users;
  return entry->second;
}

ScriptRecord& ScriptBook::acquire(const TaskKeys& keys) {
  ScriptRecord& script = hold(script_key(keys));
  if (!keys.family.empty() && script.family == nullptr)
    script.family = &hold(family_key(keys));
  return script;
}

std::vector<ScriptRecord*> ScriptBook::acquire_stored(const std::vector<std::string>& keys) {
  ScriptRecord& first = hold(keys.front());
  if (keys.size() == 1)
    return {&first};
  if (first.family == nullptr)
    first.family = &hold(keys.back());
  return {&first, first.family};
}

void ScriptBook::release(ScriptRecord& script) {
  assert(script.users > 0);
  if (--script.users > 0)
    return;
  if (ScriptRecord* family = std::exchange(script.family, nullptr))
    release(*family);
  if (!script.model)
    records_.erase(std::string(script.key));
}

bool ScriptBook::known(const ScriptRecord& script) const {
  return script.model || (script.family != nullptr && script.family->model);
}

void ScriptBook::drop_plans(ScriptRecord& script) {
  plans_ -= script.plans.size();
  script.plans.clear();
}

void ScriptBook::learn(ScriptRecord& script, const RunTime& run) {
  if (!script.model) {
    script.model = std::make_unique<RunTimeModel>();
    ++learnt_;
  }
  script.model->learn(run, pool_);
  script.last_learnt = ++learnings_;
  const std::uint64_t runs = script.model->runs();
  if (runs < well_known) {
    drop_plans(script);
    script.curve = nullptr;
  } else if (runs % redraw_every(runs) == 0) {
    draw_curve(script); // not when it is needed: a replay of the same runs must draw the same
  }
}

void ScriptBook::draw_curve(ScriptRecord& script) {
  drop_plans(script);
  script.curve = std::make_shared<RunTimeCurve>(script.model ? script.model->predict(pool_)
                                                             : pool_.expectation());
  script.pool_version = pool_.version();
}

ScriptRecord& ScriptBook::source(ScriptRecord& script) {
  if (script.model)
    return script;
  return known(script) ? *script.family : unknown_;
}

const PollPlan& ScriptBook::plan(ScriptRecord& script, int rung) {
  ScriptRecord& from = source(script);
  const bool pool_counts = !from.model || from.model->runs() < well_known;
  if (!from.curve || (pool_counts && from.pool_version != pool_.version()))
    draw_curve(from);
  const auto made = std::find_if(from.plans.begin(), from.plans.end(),
                                 [rung](const auto& plan) { return plan.rung == rung; });
  if (made != from.plans.end())
    return *made->plan;
  if (plans_ >= max_plans) {
    for (auto& [key, record] : records_)
      drop_plans(record);
    drop_plans(unknown_);
  }
  from.plans.push_back({rung, std::make_unique<PollPlan>(from.curve, price_ladder::price(rung))});
  ++plans_;
  return *from.plans.back().plan;
}

std::vector<std::string> ScriptBook::forget_surplus() {
  std::vector<std::string> forgotten;
  while (learnt_ > max_scripts_) {
    auto oldest = records_.end();
    for (auto entry = records_.begin(); entry != records_.end(); ++entry)
      if (entry->second.model && entry->second.users == 0 &&
          (oldest == records_.end() || entry->second.last_learnt < oldest->second.last_learnt))
        oldest = entry;
    if (oldest == records_.end())
      break; // all are in use: the bound waits
    forgotten.push_back(oldest->first);
    drop_plans(oldest->second);
    records_.erase(oldest);
    --learnt_;
  }
  return forgotten;
}

} // namespace kdq
