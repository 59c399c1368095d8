#include "tests/bench/limit/reply.h"

#include <algorithm>

namespace kdq::bench {

namespace {

/// One pass over a text, from left to right.
struct Reader {
  std::string_view rest;

  /// Goes on behind `text`, if it is there.
  bool behind(std::string_view text) {
    const std::size_t at = rest.find(text);
    if (at == std::string_view::npos)
      return false;
    rest.remove_prefix(at + text.size());
    return true;
  }
  bool take(char c) {
    if (!rest.starts_with(c))
      return false;
    rest.remove_prefix(1);
    return true;
  }
  /// The rest of a string whose opening quote was passed; escapes stay as they are.
  std::string_view string() {
    std::size_t end = 0;
    while (end < rest.size() && rest[end] != '"')
      end += rest[end] == '\\' ? 2 : 1;
    const std::string_view text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return text;
  }
  /// All up to one of `ends`, which stays.
  std::string_view until(std::string_view ends) {
    const std::string_view text = rest.substr(0, rest.find_first_of(ends));
    rest.remove_prefix(text.size());
    return text;
  }
};

/// An array of strings; `message` gets them with blanks in between.
std::string_view args_of(Reader& reader, std::string& message) {
  const std::string_view begin = reader.rest;
  while (!reader.take(']') && !reader.rest.empty()) {
    if (reader.take('"')) {
      message += message.empty() ? "" : " ";
      message += reader.string();
    } else {
      reader.rest.remove_prefix(1);
    }
  }
  return begin.substr(0, begin.size() - reader.rest.size());
}

} // namespace

std::string_view task_id_of(std::string_view body) {
  Reader reader{body};
  return reader.behind(R"("task_id":")") ? reader.string() : std::string_view{};
}

std::optional<LimitReport> report_of(std::string_view body) {
  Reader reader{body};
  LimitReport report;
  if (!reader.behind(R"("status":")"))
    return std::nullopt;
  report.ended = reader.string() == "finish";
  if (!reader.behind(R"("logs":[)"))
    return std::nullopt;
  while (!reader.take(']')) {
    LimitLine& line = report.lines.emplace_back();
    if (!reader.behind(R"("args":)"))
      return std::nullopt;
    line.args = args_of(reader, line.message);
    if (!reader.behind(R"("filename":")"))
      return std::nullopt;
    line.filename = reader.string();
    if (!reader.behind(R"("level":")"))
      return std::nullopt;
    line.level = reader.string();
    if (!reader.behind(R"("unix_time":)"))
      return std::nullopt;
    line.unix_time = reader.until(",}");
    if (!reader.behind(R"("timestamp":")"))
      return std::nullopt;
    line.timestamp = reader.string();
    if (!reader.behind("}"))
      return std::nullopt;
    reader.take(',');
  }
  if (!reader.behind(R"("result":)"))
    return std::nullopt;
  report.result = reader.until("}");
  return report;
}

} // namespace kdq::bench
