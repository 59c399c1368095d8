// Reads a JSON object key by key, so that every complaint can name the file and the key.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kdq {

/// A value of the file together with where it stands. Refers to the document and must not outlive
/// it.
class ConfigValue {
public:
  ConfigValue(const nlohmann::json& node, std::string file, std::string path)
      : node_(node), file_(std::move(file)), path_(std::move(path)) {}

  std::string text() const;
  std::int64_t integer(std::int64_t min, std::int64_t max) const;
  double number(double min, double max) const;
  bool yes_or_no() const;

  using Handler = std::function<void(const ConfigValue&)>;
  using Keys = std::vector<std::pair<std::string_view, Handler>>;
  /// Calls the handler of each key that is present, in the order of `keys`. A key that is not in
  /// `keys` is refused, with the nearest one as a suggestion.
  void object(const Keys& keys) const;
  /// Calls `handler` for each entry of an object whose keys are free names.
  void
  entries(const std::function<void(const std::string& name, const ConfigValue&)>& handler) const;

  /// Calls `handler` for each value of a list, in order.
  void items(const Handler& handler) const;

  /// Throws ConfigError: file, key, `sentence`.
  [[noreturn]] void fail(const std::string& sentence) const;

private:
  ConfigValue child(const std::string& key) const;
  [[noreturn]] void wrong_type(const std::string& wanted) const;

  const nlohmann::json& node_;
  std::string file_;
  std::string path_;
};

/// Parses JSON with // and /* */ comments; a key that stands twice in one object is an error.
/// Throws ConfigError that names `file` and the line.
nlohmann::json parse_commented_json(const std::string& text, const std::string& file);

/// The candidate that takes the fewest changes (edit distance); empty if none is close.
std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates);

} // namespace kdq
