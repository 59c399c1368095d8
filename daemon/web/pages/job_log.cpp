#include "daemon/web/layout.h"
#include "daemon/web/pages/job_parts.h"
#include "daemon/web/pieces.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>

namespace kdq::web {
namespace {

constexpr std::size_t lines_at_once = 500;
// A line may have a megabyte, and SQLite reads it whole: few at a time, until it is enough.
constexpr std::size_t lines_per_statement = 5;
constexpr std::int64_t characters_at_once = 1'000'000;
constexpr std::size_t bytes_at_once = 256u << 10; ///< as they are sent: a quote is &quot;
constexpr std::int64_t characters_of_line = 4000;
constexpr std::int64_t characters_of_whole_line = 1'000'000;

// What stands beyond that seq is none of the daemon's: it would end the log.
constexpr std::string_view lines_behind =
    "SELECT attempt, seq, substr(level, 1, 40) AS level, substr(filename, 1, 400) AS filename, "
    "substr(message, 1, ?5) AS message, length(message) AS length, substr(timestamp, 1, 40) AS "
    "timestamp, iif(level = 'gap', substr(args, 1, 2000), '') AS args, fetched_at FROM logs "
    "WHERE job_id = ?1 AND (attempt, seq) > (?2, ?3) AND seq BETWEEN 1 AND 4611686018427387903 "
    "ORDER BY attempt, seq LIMIT ?4";
constexpr std::string_view lines_before =
    "SELECT attempt, seq, substr(level, 1, 40) AS level, substr(filename, 1, 400) AS filename, "
    "substr(message, 1, ?5) AS message, length(message) AS length, substr(timestamp, 1, 40) AS "
    "timestamp, iif(level = 'gap', substr(args, 1, 2000), '') AS args, fetched_at FROM logs "
    "WHERE job_id = ?1 AND (attempt, seq) < (?2, ?3) AND seq BETWEEN 1 AND 4611686018427387903 "
    "ORDER BY attempt DESC, seq DESC LIMIT ?4";

/// Where a line stands in the log; the attempt is whatever the database has.
struct Place {
  std::int64_t attempt = 0;
  std::int64_t seq = 0;
};
constexpr Place behind_all{std::numeric_limits<std::int64_t>::max(),
                           std::numeric_limits<std::int64_t>::max()};

std::string to_text(Place place) {
  return std::to_string(place.attempt) + "." + std::to_string(place.seq);
}

/// Nothing: it is no place.
std::optional<Place> place_of(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos)
    return std::nullopt;
  const auto attempt = number_behind("", text.substr(0, dot));
  const auto seq = number_behind("", text.substr(dot + 1));
  if (!attempt || !seq)
    return std::nullopt;
  return Place{*attempt, *seq};
}

Place place_of(const Row& line) {
  return {line.integer("attempt"), line.integer("seq")};
}

struct Lines {
  std::vector<Row> rows;
  bool has_more = false; ///< in the direction in which it was read
};

std::size_t sent_bytes(const Row& line) {
  constexpr std::size_t markup = 100;
  std::size_t bytes = markup;
  for (const char* column : {"level", "filename", "timestamp", "message"})
    bytes += escaped(line.text(column)).size();
  return bytes;
}

Lines read_lines(Reader::Snapshot& snapshot, std::int64_t job, std::string_view sql, Place from) {
  Lines lines;
  std::int64_t characters = 0;
  std::size_t bytes = 0;
  for (;;) {
    std::vector<Row> rows =
        snapshot.rows(sql, {job, from.attempt, from.seq,
                            static_cast<std::int64_t>(lines_per_statement), characters_of_line});
    const bool is_end = rows.size() < lines_per_statement;
    for (Row& row : rows) {
      bytes += sent_bytes(row);
      if (bytes > bytes_at_once && !lines.rows.empty()) {
        lines.has_more = true;
        return lines;
      }
      characters += row.integer("length");
      from = place_of(row);
      lines.rows.push_back(std::move(row));
    }
    if (is_end)
      return lines;
    if (lines.rows.size() >= lines_at_once || characters >= characters_at_once) {
      lines.has_more = true;
      return lines;
    }
  }
}

/// Between which times lines may be missing: args of a gap are [reason, from, to].
Html gap_times(const Row& line, const Visit& visit) {
  const auto args = nlohmann::json::parse(line.text("args"), nullptr, false);
  if (!args.is_array() || args.size() != 3 || !args[1].is_string() || !args[2].is_string())
    return {};
  return html("\n{} {} – {}", visit.t("Lines may be missing of", "可能缺少日志行的时段："),
              time_of(args[1].get<std::string>()), time_of(args[2].get<std::string>()));
}

std::string_view kind_of(std::string_view level) {
  for (const std::string_view kind : {"gap", "warn", "error"})
    if (level == kind)
      return kind;
  return "";
}

Html message_of(const Row& line, const Visit& visit, std::int64_t job) {
  Html out = html("{}", line.text("message"));
  if (line.integer("length") > characters_of_line)
    out.put("… <a href=\"{}\">{} ({})</a>",
            address("/jobs/" + std::to_string(job), {{"line", to_text(place_of(line))}}),
            visit.t("the whole line", "查看整行"), grouped(line.integer("length")));
  if (line.text("level") == "gap")
    out += gap_times(line, visit);
  return out;
}

/// A border stands before the first line of each attempt; `attempt`: of the line before these.
Html rows_of(const std::vector<Row>& lines, const Visit& visit, std::int64_t job,
             std::int64_t attempt) {
  Html out;
  for (const Row& line : lines) {
    if (line.integer("attempt") != attempt) {
      attempt = line.integer("attempt");
      out.put("<tr class=\"attempt\"><td colspan=\"4\"><strong>{} {}</strong></td></tr>",
              visit.t("Attempt", "第几次尝试："), attempt);
    }
    const std::string level = line.text("level");
    out.put("<tr class=\"{}\"><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", kind_of(level),
            level == "gap" ? time_of(line.text("fetched_at")) : html("{}", line.text("timestamp")),
            level == "gap" ? visit.t("gap", "缺口") : std::string_view(level),
            line.text("filename"), message_of(line, visit, job));
  }
  return out;
}

Html table_of(const Html& rows, const Visit& visit) {
  return table(visit.t("Log lines", "日志行"),
               {{visit.t("Time (Beijing)", "时间（北京）")},
                {visit.t("Level", "级别")},
                {visit.t("Where", "位置")},
                {visit.t("Message", "内容")}},
               rows, "log");
}

Html earlier_link(const Row& first, const Visit& visit, std::int64_t job) {
  return html("<p><a href=\"{}#log\">{}</a></p>",
              address("/jobs/" + std::to_string(job), {{"log_before", to_text(place_of(first))}}),
              visit.t("Earlier lines", "更早的日志行"));
}

/// Lines before a place, oldest first.
Html lines_up_to(Reader::Snapshot& snapshot, const Visit& visit, std::int64_t job, Place before,
                 std::string& last) {
  Lines lines = read_lines(snapshot, job, lines_before, before);
  std::reverse(lines.rows.begin(), lines.rows.end());
  Html out;
  if (lines.has_more)
    out += earlier_link(lines.rows.front(), visit, job);
  out += table_of(rows_of(lines.rows, visit, job, 0), visit);
  if (!lines.rows.empty())
    last = to_text(place_of(lines.rows.back()));
  return out;
}

} // namespace

LogPart log_part(Reader& reader, const Visit& visit, std::int64_t job) {
  LogPart part;
  reader.read([&](Reader::Snapshot& snapshot) {
    if (const auto before = place_of(visit.parameter("log_before"))) {
      part.content = html("<p><a href=\"/jobs/{}#log\">{}</a></p>", job,
                          visit.t("To the last lines", "回到最新的日志行"));
      part.content += lines_up_to(snapshot, visit, job, *before, part.place);
    } else if (visit.place.empty()) {
      part.place = "0.0"; // a place in any case: what comes is to be appended
      part.content = lines_up_to(snapshot, visit, job, behind_all, part.place);
    } else {
      const Place from = place_of(visit.place).value_or(Place{});
      const Lines lines = read_lines(snapshot, job, lines_behind, from);
      part.content = rows_of(lines.rows, visit, job, from.attempt);
      part.place = lines.rows.empty() ? to_text(from) : to_text(place_of(lines.rows.back()));
    }
  });
  return part;
}

Page log_line_page(Reader& reader, const Visit& visit, std::int64_t job) {
  const Place place = place_of(visit.parameter("line")).value_or(Place{});
  std::optional<Row> line;
  reader.read([&](Reader::Snapshot& snapshot) {
    line = snapshot.row("SELECT substr(message, 1, ?4) AS message, length(message) AS length "
                        "FROM logs WHERE job_id = ?1 AND attempt = ?2 AND seq = ?3",
                        {job, place.attempt, place.seq, characters_of_whole_line});
  });
  if (!line)
    return message_page(404, visit.t("Not found", "未找到"),
                        visit.t("There is no such line.", "没有这一行日志。"));
  Page page;
  page.title = std::string(visit.t("A line of job ", "日志行，作业 ")) + std::to_string(job);
  Html content = html("<p><a href=\"/jobs/{}\">{}</a></p><pre>{}</pre>", job,
                      visit.t("To the job", "回到作业"), line->text("message"));
  if (line->integer("length") > characters_of_whole_line)
    content.put(
        "<p>{} SELECT message FROM logs WHERE job_id = {} AND attempt = {} AND seq = {}</p>",
        visit.t("There is more of it than can be shown:", "内容过长，无法全部显示："), job,
        place.attempt, place.seq);
  page.parts.push_back({"line", content});
  return page;
}

} // namespace kdq::web
