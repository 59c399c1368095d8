// The log entries of a reply become lines.
#include "poller/api/kdocs_api.h"

#include "poller/api/json_skim.h"
#include "poller/api/json_text.h"
#include "poller/api/number_in.h"

#include <algorithm>
#include <array>
#include <string>
#include <variant>

namespace kdq::kdocs_api {
namespace {

/// The members of an entry that go into its line.
enum class Part { args, level, filename, unix_time, timestamp };
constexpr std::array<std::string_view, 5> part_names = {"args", "level", "filename", "unix_time",
                                                        "timestamp"};

struct EntryParts {
  std::array<std::string_view, part_names.size()> texts; ///< empty: missing
  bool twice = false;                                    ///< one of them is there more than once
  bool others = false;                                   ///< there are members with other names

  std::string_view operator[](Part part) const { return texts[static_cast<std::size_t>(part)]; }
};

/// The members of a complete object.
EntryParts parts_of(std::string_view object) {
  EntryParts parts;
  JsonSkim skim(object, 1);
  skim.blanks();
  std::string scratch;
  JsonSpan key;
  JsonSpan value;
  for (bool more = !skim.sign('}'); more;) {
    if (!skim.key(key) || !skim.value(value) || !skim.next('}', more))
      break;
    const auto* const name =
        std::find(part_names.begin(), part_names.end(), key_name(key.in(object), scratch));
    if (name == part_names.end()) {
      parts.others = true;
      continue;
    }
    std::string_view& part = parts.texts[static_cast<std::size_t>(name - part_names.begin())];
    parts.twice = parts.twice || !part.empty();
    part = value.in(object);
  }
  return parts;
}

/// Kept as received: the unit (seconds or milliseconds) and a fraction are not touched.
decltype(LogLine::unix_time) unix_time_of(const std::string& text) {
  if (const auto whole = number_in<std::int64_t>(text))
    return *whole;
  if (const auto real = number_in<double>(text))
    return *real;
  return std::monostate{};
}

/// Sets `args` and `message` as console.log prints: strings bare, a blank in between. What is no
/// list is taken for its only value. False: it is no JSON, or not exactly what is set now.
bool read_args(std::string_view text, LogLine& line) {
  JsonText args = read_json(text, JsonRules::mend);
  if (args.problem)
    return false;
  if (args.text == "null") {
    line.args = "[]";
  } else if (!args.text.starts_with('[')) {
    line.args.append("[").append(args.text).append("]");
    append_content(line.message, args.text);
  } else {
    line.args = std::move(args.text);
    line.message.reserve(line.args.size());
    JsonSkim skim(line.args, 1);
    JsonSpan arg;
    for (bool more = !skim.sign(']'); more;) {
      skim.value(arg);
      skim.next(']', more);
      append_content(line.message, arg.in(line.args));
      if (more)
        line.message += ' ';
    }
  }
  return !args.mended;
}

/// Appends the line of an entry; false if something of the entry is not in it.
bool read_line(std::string_view entry, std::vector<LogLine>& lines) {
  LogLine line;
  if (!entry.starts_with('{')) { // not what the API promises, but better a bare line than none
    const bool exact = read_args(entry, line);
    if (!line.args.empty())
      lines.push_back(std::move(line));
    return exact;
  }
  const EntryParts parts = parts_of(entry);
  bool exact = !parts.twice;
  const auto read = [&](Part part) {
    Words words = parts[part].empty() ? Words{} : words_of(parts[part]);
    exact = exact && words.exact;
    return std::move(words.text);
  };
  line.level = read(Part::level);
  line.filename = read(Part::filename);
  line.unix_time = unix_time_of(read(Part::unix_time));
  line.timestamp = read(Part::timestamp);
  if (parts[Part::args].empty()) {
    line.args = "[]";
    exact = exact && !parts.others; // what it says has another name
  } else {
    exact = read_args(parts[Part::args], line) && exact;
  }
  if (!line.args.empty())
    lines.push_back(std::move(line));
  return exact;
}

} // namespace

LogPiece read_lines(std::string_view body, LogEntries& entries, const PieceLimit& limit) {
  LogPiece piece;
  std::size_t bytes = 0;
  while (!entries.empty() && piece.entries < limit.entries && bytes < limit.bytes) {
    JsonSkim skim(body, entries.at);
    JsonSpan span;
    skim.value(span);
    if (!read_line(span.in(body), piece.lines))
      ++piece.unread;
    skim.blanks();
    skim.sign(',');
    ++piece.entries;
    bytes += skim.at() - entries.at;
    entries = {skim.at(), entries.left - 1};
  }
  return piece;
}

} // namespace kdq::kdocs_api
