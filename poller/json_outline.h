// One level of a JSON text at a time: enough to read replies of any size and depth without a tree,
// and to keep values exactly (key order, every digit of a number) and what precedes a damage.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kdq {

/// Deeper texts count as damaged. SQLite 3.40 reads JSON down to 2000 levels, so that whatever
/// passes here can be queried with its functions after it was stored.
inline constexpr std::size_t max_json_depth = 1000;

/// A value in an object or array, as compact JSON text.
struct JsonMember {
  std::string key; ///< empty in an array
  std::string text;
};

struct JsonOutline {
  enum class Kind { none, scalar, array, object };
  Kind kind = Kind::none;
  std::vector<JsonMember> members;    ///< those that are complete, in order
  std::optional<JsonMember> cut;      ///< the one in which the text breaks off, as far as it goes
  std::optional<std::string> problem; ///< why the text is no valid JSON; holds nothing of the text

  /// The value of an object's key, the last one if it occurs twice; null if there is none.
  const std::string* find(std::string_view key) const;
  /// As find(), but the value may be the one that is cut off: outline_json() reads its head.
  const std::string* find_head(std::string_view key) const;
};

/// Reads the outermost level. Never throws for what the text holds. Half of a surrogate pair (what
/// JavaScript makes of half an emoji) is legal JSON but no character: it is read as U+FFFD.
JsonOutline outline_json(std::string_view text);

/// The string that a JSON text stands for, if it is one.
std::optional<std::string> string_in(std::string_view json);

/// A JSON string with this content. Invalid UTF-8 becomes U+FFFD.
std::string quoted(std::string text);

} // namespace kdq
