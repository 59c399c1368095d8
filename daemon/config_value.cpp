#include "daemon/config_value.h"

#include "daemon/config.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace kdq {

using nlohmann::json;

namespace {

/// How many characters must be added, removed or replaced to make `b` of `a`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::string type_in_words(const json& node) {
  switch (node.type()) {
  case json::value_t::null:
    return "null";
  case json::value_t::object:
    return "an object";
  case json::value_t::array:
    return "a list";
  case json::value_t::string:
    return "the text \"" + node.get<std::string>().substr(0, 60) + "\"";
  default:
    return node.dump();
  }
}

std::string plain(double value) {
  return json(value).dump();
}
std::string plain(std::int64_t value) {
  return json(value).dump();
}

template <class Number>
std::string range_in_words(Number min, Number max) {
  if (max == std::numeric_limits<Number>::max())
    return "of " + plain(min) + " or more";
  return "from " + plain(min) + " to " + plain(max);
}

/// The library keeps the last of two equal keys; a person who wrote both expects neither to vanish.
class DuplicateKeys {
public:
  void see(json::parse_event_t event, const json& parsed) {
    switch (event) {
    case json::parse_event_t::object_start:
      open_.emplace_back();
      break;
    case json::parse_event_t::object_end:
      open_.pop_back();
      break;
    case json::parse_event_t::key:
      if (const auto key = parsed.get<std::string>(); !open_.back().insert(key).second)
        twice_.insert(key);
      break;
    default:
      break;
    }
  }
  const std::set<std::string>& found() const { return twice_; }

private:
  std::vector<std::set<std::string>> open_; ///< keys of the objects that enclose this place
  std::set<std::string> twice_;
};

} // namespace

std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  std::string best;
  // Half of the word may be wrong: further away a suggestion confuses more than it helps.
  std::size_t best_distance = word.size() / 2 + 1;
  for (const auto candidate : candidates) {
    if (const std::size_t distance = edit_distance(word, candidate); distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

json parse_commented_json(const std::string& text, const std::string& file) {
  DuplicateKeys duplicates;
  const auto see = [&](int, json::parse_event_t event, json& parsed) {
    duplicates.see(event, parsed);
    return true;
  };
  try {
    json document = json::parse(text, see, true, true);
    if (!duplicates.found().empty())
      throw ConfigError(file + ": the key \"" + *duplicates.found().begin() +
                        "\" stands twice in the same object; remove one of the two");
    return document;
  } catch (const json::exception& error) {
    const std::string what = error.what();
    const std::size_t head = what.find("] "); // the library's own error number
    throw ConfigError(
        file + ": this is not JSON: " + (head == std::string::npos ? what : what.substr(head + 2)));
  }
}

std::string ConfigValue::text() const {
  if (!node_.is_string())
    wrong_type("a text in quotes");
  return node_.get<std::string>();
}

std::int64_t ConfigValue::integer(std::int64_t min, std::int64_t max) const {
  const std::string wanted = "a whole number " + range_in_words(min, max);
  if (!node_.is_number_integer())
    wrong_type(wanted);
  // The library keeps a positive number as unsigned, so a huge one would turn negative below.
  if (node_.is_number_unsigned() &&
      node_.get<std::uint64_t>() >
          static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    wrong_type(wanted);
  const auto value = node_.get<std::int64_t>();
  if (value < min || value > max)
    wrong_type(wanted);
  return value;
}

double ConfigValue::number(double min, double max) const {
  const std::string wanted = "a number " + range_in_words(min, max);
  if (!node_.is_number())
    wrong_type(wanted);
  const auto value = node_.get<double>();
  if (!std::isfinite(value) || value < min || value > max)
    wrong_type(wanted);
  return value;
}

bool ConfigValue::yes_or_no() const {
  if (!node_.is_boolean())
    wrong_type("true or false");
  return node_.get<bool>();
}

void ConfigValue::object(const Keys& keys) const {
  if (!node_.is_object())
    wrong_type("an object in braces");
  for (const auto& entry : node_.items()) {
    const auto same = [&](const auto& known) { return known.first == entry.key(); };
    if (std::any_of(keys.begin(), keys.end(), same))
      continue;
    std::vector<std::string_view> names;
    for (const auto& [name, handler] : keys)
      names.push_back(name);
    const std::string close = nearest(entry.key(), names);
    std::string all;
    for (const auto name : names)
      all += (all.empty() ? "" : ", ") + std::string(name);
    child(entry.key())
        .fail("no such key; " +
              (close.empty() ? "known here: " + all : "did you mean \"" + close + "\"?"));
  }
  for (const auto& [name, handler] : keys) {
    if (node_.contains(name))
      handler(child(std::string(name)));
  }
}

void ConfigValue::entries(
    const std::function<void(const std::string& name, const ConfigValue&)>& handler) const {
  if (!node_.is_object())
    wrong_type("an object in braces");
  for (const auto& entry : node_.items())
    handler(entry.key(), child(entry.key()));
}

void ConfigValue::items(const Handler& handler) const {
  if (!node_.is_array())
    wrong_type("a list in brackets");
  std::size_t number = 0;
  for (const json& item : node_)
    handler({item, file_, path_ + "[" + std::to_string(number++) + "]"});
}

ConfigValue ConfigValue::child(const std::string& key) const {
  const auto found = node_.find(key);
  return {found == node_.end() ? node_ : *found, file_, path_.empty() ? key : path_ + "." + key};
}

void ConfigValue::fail(const std::string& sentence) const {
  throw ConfigError(file_ + ": " + (path_.empty() ? "" : path_ + ": ") + sentence);
}

void ConfigValue::wrong_type(const std::string& wanted) const {
  fail("must be " + wanted + ", not " + type_in_words(node_));
}

} // namespace kdq
