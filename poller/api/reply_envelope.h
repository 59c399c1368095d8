// Where the parts of a reply stand, whatever its shape, and be the rest of it readable or not.
// Used by kdocs_replies.cpp.
#pragma once

#include "poller/api/json_skim.h"
#include "poller/api/json_text.h"

#include <array>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace kdq::kdocs_api {

/// The members that the API's objects have.
enum class Member { code, status, error, result, logs, msg, message, task_id, taskId, data };
inline constexpr std::size_t member_count = 10;

/// One object. Of a member that stands twice the last one counts, and of one in which the text
/// breaks off only `data` and `logs`.
struct EnvelopeObject {
  std::array<JsonSpan, member_count> members;
  std::size_t log_entries = 0; ///< if `logs` is an array: how many complete ones it has
  bool twice = false;          ///< a member that decides stands twice

  const JsonSpan& operator[](Member member) const {
    return members[static_cast<std::size_t>(member)];
  }
  JsonSpan& operator[](Member member) { return members[static_cast<std::size_t>(member)]; }
};

/// The objects of a body, which must outlive it.
class ReplyEnvelope {
public:
  explicit ReplyEnvelope(std::string_view body);

  const EnvelopeObject& root() const { return objects_[0]; }
  const EnvelopeObject& data() const { return objects_[1]; }
  /// The `data` inside of `data`.
  const EnvelopeObject& inner_data() const { return objects_[2]; }

  /// Whether the outermost value is complete.
  bool whole() const { return whole_; }
  /// Why it is not, or that there is more behind it; nothing of the text.
  const std::optional<std::string>& problem() const { return problem_; }

  std::string_view text(const JsonSpan& span) const { return span.in(body_); }
  /// Whether the value says nothing: missing, null, or empty.
  bool is_empty(const JsonSpan& span) const;
  /// Nothing for a value that is not there.
  Words words(const JsonSpan& span) const;
  /// Whether, outside of what was taken, a member of any object holds lines or a result by its
  /// name.
  bool has_left_over(std::initializer_list<JsonSpan> taken) const;

private:
  bool read_object(JsonSkim& skim, std::size_t depth);
  bool read_value(JsonSkim& skim, std::size_t depth, std::optional<Member> member, JsonSpan& span);
  bool read_entries(JsonSkim& skim, EnvelopeObject& object, JsonSpan& span);

  std::string_view body_;
  std::array<EnvelopeObject, 3> objects_;
  bool whole_ = false;
  std::optional<std::string> problem_;
};

} // namespace kdq::kdocs_api
