// Whatever a server answers: nothing crashes, what is kept can be stored, and what stands complete
// in a reply that was cut off is kept exactly.
#include "poller/api/kdocs_api.h"
#include "store/base/utf8.h"
#include "tests/fuzz/fuzz.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

namespace kdq::fuzz {
namespace {

using namespace kdq::kdocs_api;
using nlohmann::json;

// A sentence quotes up to 300 bytes of the service's text twice, beside our own words.
constexpr std::size_t longest_sentence = 900;

/// The library's numbers have an end, JSON's do not.
bool is_json(const std::string& text) {
  class Handler : public nlohmann::json_sax<json> {
  public:
    bool null() override { return true; }
    bool boolean(bool /*value*/) override { return true; }
    bool number_integer(std::int64_t /*value*/) override { return true; }
    bool number_unsigned(std::uint64_t /*value*/) override { return true; }
    bool number_float(double /*value*/, const std::string& /*digits*/) override { return true; }
    bool string(std::string& /*value*/) override { return true; }
    bool binary(json::binary_t& /*value*/) override { return true; }
    bool start_object(std::size_t /*size*/) override { return true; }
    bool key(std::string& /*name*/) override { return true; }
    bool end_object() override { return true; }
    bool start_array(std::size_t /*size*/) override { return true; }
    bool end_array() override { return true; }
    bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                     const json::exception& error) override {
      constexpr int number_overflow = 406;
      too_large = error.id == number_overflow;
      return false;
    }
    bool too_large = false;
  };
  Handler handler;
  return json::sax_parse(text, &handler) || handler.too_large;
}

void check_lines(const std::vector<LogLine>& lines) {
  for (const LogLine& line : lines) {
    require(is_json(line.args), "args are JSON");
    require(!invalid_utf8_at(line.args), "args are UTF-8");
    require(!invalid_utf8_at(line.message), "a message is UTF-8");
    require(!invalid_utf8_at(line.level), "a level is UTF-8");
    require(!invalid_utf8_at(line.filename), "a file name is UTF-8");
    require(!invalid_utf8_at(line.timestamp), "a timestamp is UTF-8");
  }
}

std::vector<LogLine> lines_of(std::string_view body, LogEntries entries) {
  LogPiece piece = read_lines(body, entries);
  require(entries.empty(), "all entries are read");
  return std::move(piece.lines);
}

void check_submit(const Answered& reply) {
  const SubmitOutcome outcome = read_submit(reply);
  if (const auto* error = std::get_if<ServiceError>(&outcome)) {
    require(!error->sentence.empty(), "an error has a sentence");
    require(!invalid_utf8_at(error->sentence), "a sentence is UTF-8");
    require(error->sentence.size() < longest_sentence, "a sentence is short");
  } else {
    const std::string& task = std::get<Accepted>(outcome).task.value;
    require(!task.empty() && task.size() <= max_task_id_bytes, "a task id has a fit length");
  }
}

void check_status(const Answered& reply) {
  const StatusOutcome outcome = read_status(reply);
  if (const auto* report = std::get_if<StatusReport>(&outcome)) {
    check_lines(lines_of(reply.body, report->logs));
    require(report->result.empty() || is_json(report->result), "a result is JSON");
    require(!invalid_utf8_at(report->error), "an error is UTF-8");
    require(!invalid_utf8_at(report->status), "a status is UTF-8");
  } else if (const auto* damaged = std::get_if<Damaged>(&outcome)) {
    check_lines(lines_of(reply.body, damaged->logs));
    require(!damaged->reason.empty(), "damage has a reason");
  } else {
    const auto& error = std::get<ServiceError>(outcome);
    require(error.error_class != ErrorClass::unknown_if_ran, "a poll runs nothing");
    require(salvage(reply.body, reply.http_status).logs.empty(),
            "what has log lines is no mere error");
    require(!invalid_utf8_at(error.sentence), "a sentence is UTF-8");
    require(error.sentence.size() < longest_sentence, "a sentence is short");
  }
}

bool same(const LogLine& a, const LogLine& b) {
  return a.level == b.level && a.filename == b.filename && a.unix_time == b.unix_time &&
         a.timestamp == b.timestamp && a.args == b.args && a.message == b.message;
}

/// A report made of the input's bytes, cut off anywhere.
void check_cut(Input input) {
  const bool envelope = input.below(2) != 0;
  std::string body = envelope ? R"({"code":0,"data":{"status":"running","data":{"logs":[)"
                              : R"({"status":"running","data":{"logs":[)";
  std::vector<std::size_t> ends; ///< of the entries
  const std::size_t entries = input.below(8);
  for (std::size_t i = 0; i < entries; ++i) {
    const json entry = {{"args", {input.text(40), i, {{"k", input.text(10)}}}},
                        {"filename", input.text(10)},
                        {"level", "info"},
                        {"unix_time", input.below(1U << 31U)},
                        {"timestamp", "17:29:58.114"}};
    body += (i > 0 ? "," : "") + entry.dump(-1, ' ', false, json::error_handler_t::replace);
    ends.push_back(body.size());
  }
  body += envelope ? R"(],"result":""}}})" : R"(],"result":""}})";

  const StatusOutcome whole = read_status({200, body, {}});
  const auto* report = std::get_if<StatusReport>(&whole);
  require(report != nullptr, "a whole reply is a report");
  const std::vector<LogLine> all = lines_of(body, report->logs);
  require(all.size() == entries, "a whole reply has all its lines");
  const std::size_t cut = input.below(body.size() + 1);
  const std::string_view head = std::string_view(body).substr(0, cut);
  const std::vector<LogLine> saved = lines_of(head, salvage(head, 200).logs);
  const auto complete = static_cast<std::size_t>(
      std::count_if(ends.begin(), ends.end(), [&](std::size_t end) { return end <= cut; }));
  require(saved.size() == complete, "exactly the complete entries are saved");
  for (std::size_t i = 0; i < complete; ++i)
    require(same(saved[i], all[i]), "a saved line is the line");
}

} // namespace
} // namespace kdq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kdq::fuzz;
  constexpr int statuses[] = {200, 401, 404, 500, 503, 301};
  const std::string body(reinterpret_cast<const char*>(data), size);
  for (const int status : {200, statuses[size % std::size(statuses)]}) {
    check_submit({status, body, {}});
    check_status({status, body, {}});
  }
  check_lines(lines_of(body, kdq::kdocs_api::salvage(body, 200).logs));
  check_cut({data, size});
  return 0;
}
