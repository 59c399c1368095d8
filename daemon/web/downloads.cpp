#include "daemon/web/downloads.h"

#include "daemon/web/job_search.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <utility>

namespace kdq::web {
namespace {

constexpr std::int64_t jobs_in_a_piece = 500;
constexpr std::int64_t most_jobs = 100'000;
constexpr std::int64_t value_piece_bytes = 256 << 10;

constexpr std::array<std::string_view, 20> columns{
    "id",           "state",    "script_name",   "file_token",  "app",
    "class",        "priority", "batch_id",      "schedule",    "scheduled_at",
    "created_at",   "run_at",   "submitted_at",  "finished_at", "attempt",
    "max_attempts", "progress", "progress_text", "cause",       "error"};
/// Of these no more is given than so many characters, so that a piece is not too large for a read.
constexpr std::array<std::pair<std::string_view, int>, 8> long_columns{{{"script_name", 250},
                                                                        {"file_token", 250},
                                                                        {"app", 250},
                                                                        {"class", 250},
                                                                        {"schedule", 250},
                                                                        {"progress_text", 250},
                                                                        {"cause", 250},
                                                                        {"error", 2000}}};

std::string cut(const std::string& column, const std::string& most) {
  return "iif(length(" + column + ") > " + most + ", substr(" + column + ", 1, " + most +
         ") || '…', " + column + ") AS " + column;
}

std::string selected_columns() {
  std::string all;
  for (const std::string_view column : columns) {
    const auto* const found = std::find_if(long_columns.begin(), long_columns.end(),
                                           [&](const auto& one) { return one.first == column; });
    all += all.empty() ? "" : ", ";
    all += found == long_columns.end() ? std::string(column)
                                       : cut(std::string(column), std::to_string(found->second));
  }
  return all;
}

/// A cell by RFC 4180. A spreadsheet takes a text that begins like this for a formula: then it
/// begins with ' instead.
std::string cell(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value))
    return std::to_string(*number);
  const auto* given = std::get_if<std::string>(&value);
  std::string text = given ? *given : std::string();
  if (!text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos)
    text.insert(0, 1, '\'');
  if (text.find_first_of(",\"\r\n") == std::string::npos)
    return text;
  std::string quoted = "\"";
  for (const char c : text)
    quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

struct Csv {
  static constexpr const char* type = "text/csv; charset=utf-8";
  static constexpr const char* file = "jobs.csv";

  static std::string begin() {
    std::string line;
    for (const std::string_view column : columns)
      line += (line.empty() ? "" : ",") + std::string(column);
    return line + "\r\n";
  }
  static std::string job(const Row& row, bool) {
    std::string line;
    for (const Value& value : row.values())
      line += (&value == &row.values().front() ? "" : ",") + cell(value);
    return line + "\r\n";
  }
  /// In the first column: every line has as many of them.
  static std::string end(const std::string& last_word) {
    return last_word.empty() ? "" : cell(last_word) + std::string(columns.size() - 1, ',') + "\r\n";
  }
};

struct Json {
  static constexpr const char* type = "application/json";
  static constexpr const char* file = "jobs.json";

  static std::string begin() { return "["; }
  static std::string job(const Row& row, bool first) {
    nlohmann::ordered_json job;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      nlohmann::ordered_json& place = job[std::string(columns[i])];
      if (const auto* number = std::get_if<std::int64_t>(&row.values()[i]))
        place = *number;
      else if (const auto* text = std::get_if<std::string>(&row.values()[i]))
        place = *text;
    }
    return std::string(first ? "\n" : ",\n") + dumped(job);
  }
  static std::string end(const std::string& last_word) {
    return (last_word.empty() ? "" : ",\n" + dumped({{"more", last_word}})) + "\n]\n";
  }

private:
  static std::string dumped(const nlohmann::ordered_json& value) {
    return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
};

/// A list that is made while it is sent.
template <class Format>
class JobListFile {
public:
  JobListFile(JobFilter filter, std::optional<std::int64_t> before, std::int64_t most)
      : jobs_(std::move(filter), JobSearch::Direction::older, before), most_(most) {}

  /// The next piece: nothing at all if no job was found in it.
  std::string next(Reader& reader) {
    static const std::string selected = selected_columns();
    std::string text = std::exchange(begun_, true) ? "" : Format::begin();
    for (const Row& row : jobs_.next(reader, selected, std::min(jobs_in_a_piece, left_ + 1))) {
      if (left_ == 0)
        return end(text, "there are more jobs than " + std::to_string(most_) +
                             ": go on with before=" + std::to_string(last_) + " in the address");
      text += Format::job(row, left_ == most_);
      last_ = row.integer("id");
      --left_;
    }
    return jobs_.is_at_end() ? end(text, "") : text;
  }
  bool has_ended() const { return ended_; }

private:
  std::string end(const std::string& text, const std::string& last_word) {
    ended_ = true;
    return text + Format::end(last_word);
  }

  JobSearch jobs_;
  std::int64_t most_;
  std::int64_t left_ = most_;
  std::int64_t last_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

/// A text or BLOB of one row, as long as it keeps its size.
class ValueFile {
public:
  ValueFile(std::string table, std::string column, std::int64_t id)
      : table_(std::move(table)), column_(std::move(column)), id_(id) {}

  bool is_there(Reader& reader) {
    bytes_ = reader.bytes_of(table_, column_, id_);
    return bytes_.has_value();
  }
  /// Throws std::runtime_error if the value is another one by now.
  std::string next(Reader& reader) {
    std::string piece = reader.piece(table_, column_, id_, sent_, value_piece_bytes);
    sent_ += static_cast<std::int64_t>(piece.size());
    if (reader.bytes_of(table_, column_, id_) != bytes_)
      throw std::runtime_error("the value has changed while it was sent");
    return piece;
  }
  bool has_ended() const { return sent_ == bytes_; }

private:
  std::string table_, column_;
  std::int64_t id_;
  std::optional<std::int64_t> bytes_; ///< when it began
  std::int64_t sent_ = 0;
};

/// Sends a file; its first piece is read at once, so that trouble can still be told.
template <class File>
void send(ReaderPool& readers, httplib::Response& response, std::shared_ptr<File> file,
          const char* type, const std::string& name) {
  auto first = std::make_shared<std::string>();
  readers.with([&](Reader& reader) { *first = file->next(reader); });
  response.set_header("Cache-Control", "no-store");
  response.set_header("Content-Disposition", "attachment; filename=\"" + name + "\"");
  response.set_chunked_content_provider(
      type, [&readers, file, first](std::size_t, httplib::DataSink& sink) {
        std::string piece = std::exchange(*first, {});
        try {
          if (piece.empty() && !file->has_ended())
            readers.with([&](Reader& reader) { piece = file->next(reader); });
        } catch (const std::exception&) {
          return false; // broken off: what came is not taken for the whole
        }
        if (!sink.is_writable() || (!piece.empty() && !sink.write(piece.data(), piece.size())))
          return false;
        if (file->has_ended())
          sink.done();
        return true;
      });
}

template <class Format>
void send_jobs(ReaderPool& readers, const Visit& visit, httplib::Response& response) {
  const std::int64_t most = std::min(visit.number("limit").value_or(most_jobs), most_jobs);
  send(readers, response,
       std::make_shared<JobListFile<Format>>(JobFilter::of(visit), visit.number("before"), most),
       Format::type, Format::file);
}

void refuse(httplib::Response& response) {
  response.status = 404;
  response.set_content("there is no such value\n", "text/plain; charset=utf-8");
}

void send_value(ReaderPool& readers, httplib::Response& response, ValueFile value,
                const std::string& name) {
  auto file = std::make_shared<ValueFile>(std::move(value));
  bool there = false;
  readers.with([&](Reader& reader) { there = file->is_there(reader); });
  if (there)
    send(readers, response, std::move(file), "text/plain; charset=utf-8", name);
  else
    refuse(response);
}

/// A schedule has its name where a job has its id. The file's name is without it: it may be any
/// text.
void send_schedule_value(ReaderPool& readers, const Visit& visit, httplib::Response& response,
                         const std::string& column) {
  std::optional<Row> row;
  readers.with([&](Reader& reader) {
    reader.read([&](Reader::Snapshot& snapshot) {
      row = snapshot.row("SELECT rowid AS place FROM schedules WHERE name = ?1",
                         {visit.parameter("name")});
    });
  });
  if (row)
    send_value(readers, response, ValueFile("schedules", column, row->integer("place")),
               "schedule-" + column + ".txt");
  else
    refuse(response);
}

struct ValueAddress {
  std::string_view prefix, suffix; ///< the id between them
  const char* table;
  const char* column;
  const char* name;
};
constexpr std::array<ValueAddress, 4> values{{
    {"/jobs/", "/script", "jobs", "script", "job"},
    {"/jobs/", "/argv", "jobs", "argv", "job"},
    {"/jobs/", "/result", "jobs", "result", "job"},
    {"/requests/", "/body", "requests", "body", "request"},
}};

} // namespace

bool download(ReaderPool& readers, const Visit& visit, httplib::Response& response) {
  if (visit.path == "/jobs.csv" || visit.path == "/jobs.json") {
    visit.path == "/jobs.csv" ? send_jobs<Csv>(readers, visit, response)
                              : send_jobs<Json>(readers, visit, response);
    return true;
  }
  for (const char* column : {"script", "argv"})
    if (visit.path == std::string("/schedules/") + column) {
      send_schedule_value(readers, visit, response, column);
      return true;
    }
  for (const ValueAddress& value : values) {
    std::string_view path = visit.path;
    if (!path.ends_with(value.suffix))
      continue;
    path.remove_suffix(value.suffix.size());
    const auto id = number_behind(value.prefix, path);
    if (!id)
      continue;
    send_value(readers, response, ValueFile(value.table, value.column, *id),
               std::string(value.name) + "-" + std::to_string(*id) + "-" + value.column + ".txt");
    return true;
  }
  return false;
}

} // namespace kdq::web
