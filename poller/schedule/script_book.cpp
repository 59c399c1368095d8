#include "poller/schedule/script_book.h"

#include "poller/schedule/price_ladder.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <optional>
#include <utility>

namespace kdq {

namespace {

using Kind = ScriptName::Kind;

// One more of many runs moves a plan by less than it costs to make it again. (With 16 instead of
// 100 here, the mean wait on simulated days is 1 % longer.)
constexpr std::uint64_t well_known = 100;
std::uint64_t redraw_every(std::uint64_t runs) {
  return std::min<std::uint64_t>(8, 1 + runs / well_known);
}

std::string key_of(ScriptName name) {
  std::string key{static_cast<char>(name.kind), ':'};
  return key.append(name.text);
}

std::optional<ScriptName> name_of(std::string_view key) {
  for (const Kind kind : {Kind::script, Kind::family})
    if (key.size() >= 2 && key[0] == static_cast<char>(kind) && key[1] == ':')
      return ScriptName{kind, key.substr(2)};
  return std::nullopt;
}

} // namespace

ScriptBook::ScriptBook(std::size_t max_scripts)
    : max_scripts_(max_scripts), unknown_(std::make_unique<ScriptRecord>()) {}

// --- records ---------------------------------------------------------------------------------

ScriptRecord* ScriptBook::find(ScriptName name) {
  const auto found = records_.find(name);
  return found == records_.end() ? nullptr : found->second;
}

ScriptRecord& ScriptBook::find_or_add(ScriptName name) {
  if (ScriptRecord* known = find(name))
    return *known;
  ScriptRecord& script = idle_.emplace_back();
  script.kind = name.kind;
  script.text = name.text;
  script.place = std::prev(idle_.end());
  records_.emplace(ScriptName{script.kind, script.text}, &script);
  return script;
}

ScriptRecord& ScriptBook::acquire(const TaskKeys& keys) {
  ScriptRecord& script = find_or_add({Kind::script, keys.script});
  use(script);
  if (!keys.family.empty() && script.family == nullptr) {
    script.family = &find_or_add({Kind::family, keys.family});
    use(*script.family);
  }
  return script;
}

ScriptRecord* ScriptBook::acquire(const std::vector<std::string>& keys) {
  ScriptRecord* script = nullptr;
  for (const std::string& key : keys) {
    const auto name = name_of(key);
    const bool has_place =
        script == nullptr || (script->kind == Kind::script && script->family == nullptr && name &&
                              name->kind == Kind::family);
    if (!name || !has_place)
      continue;
    ScriptRecord& record = find_or_add(*name);
    use(record);
    (script == nullptr ? script : script->family) = &record;
  }
  return script;
}

void ScriptBook::use(ScriptRecord& script) {
  if (script.users++ == 0)
    in_use_.splice(in_use_.end(), idle_, script.place);
}

void ScriptBook::release(ScriptRecord& script) {
  assert(script.users > 0);
  if (--script.users > 0)
    return;
  if (ScriptRecord* family = std::exchange(script.family, nullptr))
    release(*family);
  if (script.model.runs() > 0) {
    idle_.splice(idle_.end(), in_use_, script.place);
    return;
  }
  records_.erase({script.kind, script.text});
  in_use_.erase(script.place);
}

std::vector<std::string> ScriptBook::keys(const ScriptRecord& script) const {
  std::vector<std::string> keys{key_of({script.kind, script.text})};
  if (script.family != nullptr)
    keys.push_back(key_of({script.family->kind, script.family->text}));
  return keys;
}

std::vector<std::string> ScriptBook::forget_surplus() {
  std::vector<std::string> forgotten;
  for (; learnt_ > max_scripts_ && !idle_.empty(); --learnt_) {
    ScriptRecord& oldest = idle_.front();
    const ScriptName name{oldest.kind, oldest.text};
    forgotten.push_back(key_of(name));
    drop_drawing(oldest);
    records_.erase(name);
    idle_.pop_front();
  }
  return forgotten;
}

// --- what was learnt -------------------------------------------------------------------------

void ScriptBook::started(ScriptRecord& script, SteadyTime at, JobId job) {
  for (ScriptRecord* record = &script; record != nullptr; record = record->family)
    record->order.started(at, job);
}

void ScriptBook::ended(ScriptRecord& script, SteadyTime at, JobId job, const RunTime& run) {
  for (ScriptRecord* record = &script; record != nullptr; record = record->family)
    learn(*record, record->order.ended(at, job, run));
}

void ScriptBook::dropped(ScriptRecord& script, SteadyTime at, JobId job) {
  for (ScriptRecord* record = &script; record != nullptr; record = record->family)
    learn(*record, record->order.dropped(at, job));
}

void ScriptBook::learn(ScriptRecord& script, const std::vector<RunTime>& runs) {
  for (const RunTime& run : runs) {
    learnt_ += script.model.runs() == 0 ? 1 : 0;
    script.model.learn(run, pool_);
    const std::uint64_t known = script.model.runs();
    if (known < well_known)
      drop_drawing(script);
    else if (known % redraw_every(known) == 0)
      draw(script); // not when it is needed: a replay of the same runs must draw the same
  }
}

bool ScriptBook::known(const ScriptRecord& script) const {
  return script.model.runs() > 0 || (script.family != nullptr && script.family->model.runs() > 0);
}

// --- plans -----------------------------------------------------------------------------------

const PollPlan& ScriptBook::plan(ScriptRecord& script, int rung) {
  ScriptRecord& known_by = script.model.runs() > 0 ? script
                           : known(script)         ? *script.family
                                                   : *unknown_;
  return drawn_plan(known_by, rung);
}

const PollPlan& ScriptBook::plan(const TaskKeys& keys, int rung) {
  for (const ScriptName name :
       {ScriptName{Kind::script, keys.script}, ScriptName{Kind::family, keys.family}})
    if (ScriptRecord* script = find(name); script != nullptr && known(*script))
      return plan(*script, rung);
  return plan_of_unknown(rung);
}

const PollPlan& ScriptBook::drawn_plan(ScriptRecord& script, int rung) {
  ScriptRecord::Drawing* drawing = script.drawing.get();
  if (drawing == nullptr || is_outdated(script))
    drawing = &draw(script);
  const auto made = std::find_if(drawing->plans.begin(), drawing->plans.end(),
                                 [rung](const auto& plan) { return plan.rung == rung; });
  if (made != drawing->plans.end())
    return *made->plan;
  drawn_.splice(drawn_.end(), drawn_, drawing->place);
  while (plans_ >= max_plans)
    drop_plans(*drawn_.front());
  drawing->plans.push_back(
      {rung, std::make_unique<PollPlan>(drawing->curve, price_ladder::price(rung))});
  ++plans_;
  return *drawing->plans.back().plan;
}

/// The pool is all that is known of a script before its first run, and little beside its runs.
bool ScriptBook::is_outdated(const ScriptRecord& script) const {
  constexpr std::uint32_t half_as_many_runs_again = 8;
  const std::uint32_t behind = pool_.version() - script.drawing->pool_version;
  return script.model.runs() < well_known &&
         behind >= (script.model.runs() == 0 ? 1 : half_as_many_runs_again);
}

ScriptRecord::Drawing& ScriptBook::draw(ScriptRecord& script) {
  if (!script.drawing) {
    script.drawing = std::make_unique<ScriptRecord::Drawing>();
    script.drawing->place = drawn_.insert(drawn_.end(), &script);
  }
  ScriptRecord::Drawing& drawing = *script.drawing;
  plans_ -= drawing.plans.size();
  drawing.plans.clear();
  drawing.curve = std::make_shared<RunTimeCurve>(script.model.predict(pool_));
  drawing.pool_version = pool_.version();
  return drawing;
}

/// The curve of a well-known script is kept: drawn later it would be another.
void ScriptBook::drop_plans(ScriptRecord& script) {
  if (script.model.runs() < well_known) {
    drop_drawing(script);
    return;
  }
  ScriptRecord::Drawing& drawing = *script.drawing;
  plans_ -= drawing.plans.size();
  drawing.plans.clear();
  drawn_.splice(drawn_.end(), drawn_, drawing.place);
}

void ScriptBook::drop_drawing(ScriptRecord& script) {
  if (!script.drawing)
    return;
  plans_ -= script.drawing->plans.size();
  drawn_.erase(script.drawing->place);
  script.drawing = nullptr;
}

} // namespace kdq
