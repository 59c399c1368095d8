// A JSON text, read once: enough to read replies of any size and depth without a tree of objects,
// and to keep values exactly (key order, every digit of a number) and what precedes a damage.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdq {

/// Deeper texts count as damaged. SQLite 3.40 reads JSON down to 2000 levels, so that whatever
/// passes here can be queried with its functions after it was stored.
inline constexpr std::size_t max_json_depth = 1000;

enum class JsonKind { missing, null, boolean, number, string, array, object };

class JsonOutline;

/// One value of an outline, which must outlive it and stay where it is; or none (the default).
class JsonValue {
public:
  JsonValue() = default;
  explicit operator bool() const { return outline_ != nullptr; }
  JsonKind kind() const; ///< `missing` if there is none
  /// False for the array or object in which the text breaks off.
  bool complete() const;
  /// As compact JSON text; empty if it is not complete.
  std::string_view text() const;
  /// What it stands for, if it is a string.
  std::optional<std::string_view> string() const;
  /// The value of an object's key, the last one if it occurs twice. It is complete.
  JsonValue find(std::string_view key) const;
  /// As find(), but the value may be the one in which the text breaks off.
  JsonValue find_head(std::string_view key) const;
  /// The first value inside, and the next one beside this one; only the last may be incomplete.
  JsonValue first() const;
  JsonValue next() const;

private:
  friend class JsonOutline;
  JsonValue(const JsonOutline& outline, std::size_t index) : outline_(&outline), index_(index) {}
  JsonValue at(std::size_t index) const;
  JsonValue last_with(std::string_view key, bool even_cut_off) const;

  const JsonOutline* outline_ = nullptr;
  std::size_t index_ = 0;
};

class JsonOutline {
public:
  /// Reads a text. What is inside of an array or object can be asked for at the outermost level,
  /// inside of arrays, and behind these keys, if what holds them can be asked; for all else there
  /// is text() only. Never throws for what the text holds. Half of a surrogate pair (what
  /// JavaScript makes of half an emoji) is legal JSON but no character: it is read as U+FFFD.
  explicit JsonOutline(std::string_view text, std::initializer_list<std::string_view> keys = {});
  JsonOutline(const JsonOutline&) = delete; // its values refer to it
  JsonOutline& operator=(const JsonOutline&) = delete;

  JsonValue root() const { return nodes_.empty() ? JsonValue{} : JsonValue(*this, 0); }
  /// Why the text is no valid JSON; holds nothing of the text.
  const std::optional<std::string>& problem() const { return problem_; }

private:
  friend class JsonValue;
  class Reader;

  /// A value. Offsets are of text_, indices of nodes_; no index is 0, which is the root's.
  struct Node {
    JsonKind kind = JsonKind::missing;
    std::size_t key = 0;    ///< where the key's content begins; it ends 2 bytes before the value
    std::size_t begin = 0;  ///< of the value's text
    std::size_t end = 0;    ///< 0: the text breaks off before it
    std::size_t inside = 0; ///< the first value inside; of a string: its place in escaped_, from 1
    std::size_t next = 0;   ///< the next value beside it, 0: none
  };

  std::string_view key_of(const Node& member) const;

  std::string text_;                 ///< the whole text, compact
  std::vector<std::string> escaped_; ///< the content of the strings that are written with escapes
  std::vector<Node> nodes_;          ///< in order
  std::optional<std::string> problem_;
};

/// Appends a JSON string with this content, which is valid UTF-8.
void append_quoted(std::string& json, std::string_view content);

} // namespace kdq
